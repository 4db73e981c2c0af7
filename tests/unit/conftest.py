from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.repository import Repository, init

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    """Two commits on main: first a.py and lib/b.py, then a change of a.py."""
    repository = init(tmp_path / "repo")
    repository.commit(a_py="1\n2\n3\n", lib__b_py="".join(f"{n}\n" for n in range(30)))
    repository.commit(a_py="1\n2\n3\n4\n")
    return repository
