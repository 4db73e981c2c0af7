"""The fixture `project`: a folder of its own and real sessions in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.project import Project
from tests.support.warm import pytest_sessionfinish  # noqa: F401 - a hook

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path) -> Callable[[Mapping[str, str]], Project]:
    def make(files: Mapping[str, str]) -> Project:
        return Project(tmp_path / "project", files)

    return make
