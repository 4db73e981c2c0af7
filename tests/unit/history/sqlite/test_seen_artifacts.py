from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.errors import CorruptHistoryError
from pytest_nexus.history.sqlite.seen_artifacts import ArtifactNote
from pytest_nexus.history.store import open_history

if TYPE_CHECKING:
    from pathlib import Path


def test_the_last_result_counts_and_the_tries_are_counted(tmp_path: Path) -> None:
    with open_history(tmp_path / "history.sqlite3") as history:
        history.note_artifact("o/a", 7, "failed", "no answer")
        history.note_artifact("o/a", 7, "failed", "cut off")
        history.note_artifact("o/a", 7, "taken")
        history.note_artifact("o/a", 8, "refused", "x" * 513)
        history.note_artifact("o/b", 7, "gone", "lone \ud800")
        assert history.artifacts("o/a") == {
            7: ArtifactNote("taken", 3, ""), 8: ArtifactNote("refused", 1, "x" * 512),
        }  # fmt: skip
        assert history.artifacts("o/b") == {7: ArtifactNote("gone", 1, "lone ?")}
        assert history.artifacts("o/c") == {}


def test_damaged_results_are_an_error_of_the_history(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite3"
    with open_history(path) as history:
        history.note_artifact("o/a", 7, "taken")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = 1")
        connection.execute("UPDATE artifact SET tries = 'many'")
    with open_history(path) as history, pytest.raises(CorruptHistoryError, match="NX507"):
        history.artifacts("o/a")
