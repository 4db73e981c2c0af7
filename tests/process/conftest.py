"""Fixtures: a folder of its own with real sessions in it, and sessions that may be forked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.postgresql import postgresql  # noqa: F401 - a fixture of this folder
from tests.support.project import Project
from tests.support.warm import allowed, pytest_sessionfinish  # noqa: F401 - a hook of this folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path) -> Callable[[Mapping[str, str]], Project]:
    def make(files: Mapping[str, str]) -> Project:
        return Project(tmp_path / "project", files)

    return make


@pytest.fixture(scope="module")
def forked_sessions() -> Iterator[None]:
    """For a module that is about what happens in a session, and not about its start or end."""
    with allowed():
        yield
