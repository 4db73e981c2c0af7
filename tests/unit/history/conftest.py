"""An empty history for the tests of its rooms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.history.store import History, open_history

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The place of a history that a test may make."""
    return tmp_path / "history.sqlite3"


@pytest.fixture
def history(path: Path) -> Iterator[History]:
    """An empty history, open."""
    with open_history(path) as opened:
        yield opened
