"""The fixture `project`: a folder of its own and real sessions in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.project import Project
from tests.support.warm import (
    forked_from_here,
    forking_in,
    pytest_sessionfinish,  # noqa: F401 - a hook
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

pytest_runtest_protocol = forking_in(Path(__file__).parent)


@pytest.fixture
def project(tmp_path: Path) -> Callable[[Mapping[str, str]], Project]:
    def make(files: Mapping[str, str]) -> Project:
        return Project(tmp_path / "project", files)

    return make


@pytest.fixture
def commands_here() -> Iterator[None]:
    """Commands that the test calls in its own process fork the sessions that they start."""
    with forked_from_here():
        yield
