from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.support.process_guard import (  # noqa: F401 - hooks of this folder
    pytest_runtest_call,
    pytest_runtest_setup,
    pytest_runtest_teardown,
)
from tests.support.repository import Repository, init

if TYPE_CHECKING:
    from pathlib import Path

os.environ.setdefault("LOKY_MAX_CPU_COUNT", "1")
"""Else the first training of a process starts `lscpu` to count the cores."""


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    """Two commits on main: first a.py and lib/b.py, then a change of a.py."""
    repository = init(tmp_path / "repo")
    repository.commit(a_py="1\n2\n3\n", lib__b_py="".join(f"{n}\n" for n in range(30)))
    repository.commit(a_py="1\n2\n3\n4\n")
    return repository
