"""The fixture `project`: a folder of its own and real sessions in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.project import Project
from tests.support.warm import forking_in, pytest_sessionfinish  # noqa: F401 - a hook

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

pytest_runtest_protocol = forking_in(Path(__file__).parent)


@pytest.fixture
def project(tmp_path: Path) -> Callable[[Mapping[str, str]], Project]:
    def make(files: Mapping[str, str]) -> Project:
        return Project(tmp_path / "project", files)

    return make
