from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.domain.records import TestKey
from pytest_nexus.errors import CorruptHistoryError
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.state import fold
from pytest_nexus.history.store import open_history
from tests.support.builders import attempt, run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "history.sqlite3"
    with open_history(path) as history:
        for number in (1, 2):
            ingest_run(history, run(number), [attempt(f"t{n}", call_s=n) for n in range(3)])
    return path


def test_a_test_is_worked_out_when_it_is_asked_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_history(path) as history:
        known, everything = history.recall(), history.stats()
    worked_out: list[str] = []
    whole = fold.stats_of

    def counted(key: str, *more: object) -> object:
        worked_out.append(key)
        return whole(key, *more)  # type: ignore[arg-type] # passed on as they are

    monkeypatch.setattr("pytest_nexus.history.queries.test_stats.stats_of", counted)
    for _ in range(2):
        assert known[TestKey("t1")] == known.get(TestKey("t1")) == everything[TestKey("t1")]
    assert worked_out == ["t1"]
    assert dict(known) == everything
    assert len(known) == 3


def test_an_unknown_test_is_none(path: Path) -> None:
    with open_history(path) as history:
        known = history.recall()
    assert known.get(TestKey("t9")) is None
    assert TestKey("t9") not in known


@pytest.mark.parametrize(
    "damage",
    [
        "durations = x'00'",
        "durations = 'text'",
        "last_outcome = 7",
        "last_outcome = 'passed'",
        "runs = -1",
        "failures = 'many'",
        "since_failure = 'long'",
        "flakes = x'ff'",
        "rate_8 = 'high'",
        "rate_2 = 2.0",
        "rate_32 = 9e999",
        "last_seen = 'today'",
        "commits = 'text'",
        "settings = 'text'",
        "settings = x'00'",
    ],
)
def test_what_cannot_be_worked_out_later_is_found_at_once(path: Path, damage: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE state SET {damage} WHERE test_id = 2")  # noqa: S608 - ours
    with open_history(path) as history, pytest.raises(CorruptHistoryError, match="NX507"):
        history.recall()
