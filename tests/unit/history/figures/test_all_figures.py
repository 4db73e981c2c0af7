"""Every kind of figure of a small history, by hand."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from shutil import copy
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.domain.records import TestKey as Key
from pytest_nexus.errors import CorruptHistoryError
from pytest_nexus.history.figures.sums import (
    FailedTest,
    Moment,
    RunTimes,
    TimedAttempt,
    WorkerTimes,
)
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import History, open_history
from tests.support.builders import attempt, failure, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_nexus.history.figures.all_figures import Figures

PASSED, FAILED = 0o111, 0o121
EMPTY, ONE, TWO, THREE, DURATIONS = (run(uid).run_uid for uid in (9, 1, 2, 3, 4))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs with outcomes, an older one without attempts, and the newest with durations only.

    Each set-up and each tear-down takes a millisecond, each call a tenth of a second or more.
    """
    path = tmp_path_factory.mktemp("figures") / "history.sqlite3"
    with open_history(path) as history:
        ingest_run(history, run(9, 0.5), [])
        ingest_run(history, run(1), [attempt("t/a"), attempt("t/b", started_s=1.0, call_s=0.2)])
        attempts = [
            attempt("t/a", "failed", worker="gw1", started_s=2.0, failure=failure()),
            attempt("t/a", number=2, worker="gw0", started_s=5.0, call_s=1.0),
            attempt("t/b", "failed", worker="gw0", started_s=3.0),
            attempt("t/c", worker="gw1", started_s=2.0, call_s=0.3),
        ]
        ingest_run(history, run(2), attempts)
        ingest_run(history, run(3), [attempt("t/c", "failed", failure=failure("other", "ff" * 8))])
        ingest_run(history, run(4, source="durations"), [attempt("t/a", call_s=9.0)])
    return path


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    return Path(copy(made, tmp_path))


def uids(figures: Figures) -> list[str]:
    return [each.run.run_uid for each in figures.runs]


@pytest.mark.parametrize(("limit", "expected"), [(0, []), (1, [THREE]), (2, [THREE, TWO])])
def test_the_newest_runs_with_outcomes_are_read(
    history: History, limit: int, expected: list[str]
) -> None:
    assert uids(history.figures(limit)) == expected


def test_all_runs_may_be_fewer_than_asked_for(history: History) -> None:
    assert uids(history.figures(99)) == [THREE, TWO, ONE, EMPTY]


def test_seconds_of_runs_and_of_their_reruns(history: History) -> None:
    found = history.figures(99).times()
    assert list(found) == [THREE, TWO, ONE, EMPTY]
    assert found[ONE] == pytest.approx(RunTimes(0.304, 0.0))
    assert found[TWO] == pytest.approx(RunTimes(1.508, 1.002))
    assert found[EMPTY] == RunTimes(0.0, 0.0)


def test_seconds_of_tests_and_of_workers(history: History) -> None:
    figures = history.figures(99)
    assert dict(figures.tests_of(TWO)) == pytest.approx({"t/a": 1.104, "t/b": 0.102, "t/c": 0.302})
    first, second = figures.workers(TWO)
    assert first == pytest.approx(WorkerTimes(0, 2, 1.104, 3.0, 6.002))
    assert second == pytest.approx(WorkerTimes(1, 2, 0.404, 2.0, 2.302))
    (alone,) = figures.workers(ONE)
    assert alone == pytest.approx(WorkerTimes(-1, 2, 0.304, 0.0, 1.202))


def test_attempts_by_test_and_by_start(history: History) -> None:
    figures = history.figures(99)
    of_key = {key: number for number, key in figures.keys.items()}
    a, b, c = (of_key[key] for key in ("t/a", "t/b", "t/c"))
    assert figures.attempts_of(TWO) == [
        TimedAttempt(a, 1, FAILED, 102_000, 2_000_000),
        TimedAttempt(a, 2, PASSED, 1_002_000, 5_000_000),
        TimedAttempt(b, 1, FAILED, 102_000, 3_000_000),
        TimedAttempt(c, 1, PASSED, 302_000, 2_000_000),
    ]
    assert figures.attempts_of(EMPTY) == []
    assert figures.time_line(TWO) == [
        ("t/a", Moment(a, FAILED, 1, 2.0, 0.102)),
        ("t/c", Moment(c, PASSED, 1, 2.0, 0.302)),
        ("t/b", Moment(b, FAILED, 0, 3.0, 0.102)),
        ("t/a", Moment(a, PASSED, 0, 5.0, 1.002)),
    ]


def test_failed_first_attempts_with_their_causes(history: History) -> None:
    found = history.figures(99).failed()
    assert list(found) == [THREE, TWO, ONE, EMPTY]
    assert found[ONE] == found[EMPTY] == []
    named = {key: each[1:] for key, each in found[TWO]}
    cause = ("00112233445566aa", "AssertionError", "src/a.py::run", "assert # == #")
    assert named == {"t/a": cause, "t/b": ("", "", "", "")}
    ((key, other),) = found[THREE]
    assert (key, other.signature, other.message) == ("t/c", "ff" * 8, "other")
    assert isinstance(other, FailedTest)


def test_strips_of_all_tests_and_the_runs_behind_them(history: History) -> None:
    strips = history.figures(99).strips(2)
    assert {key: bytes(each.cells) for key, each in strips.by_key.items()} == {
        "t/a": b"R.", "t/b": b"F.", "t/c": b"F.",
    }  # fmt: skip
    assert {key: list(each.runs) for key, each in strips.by_key.items()} == {
        "t/a": [1, 2], "t/b": [1, 2], "t/c": [0, 1],
    }  # fmt: skip
    assert strips.n_runs == 3


def test_setups_by_places_of_the_runs(history: History) -> None:
    assert history.figures(99).setups("t/b", [2, 0, 1]) == [1000, 0, 1000]


def test_the_ends_of_branches_are_of_all_runs(history: History) -> None:
    assert [each.since.key for each in history.figures(1).ends()] == ["t/b", "t/c"]


def test_sightings_are_of_all_runs_with_outcomes(history: History) -> None:
    found = history.figures(1).sightings(["t/a", "unknown"])
    assert list(found) == ["t/a"]
    assert [each.run_uid for each in found[Key("t/a")]] == [ONE, TWO]
    assert [each.number for each in found[Key("t/a")][1].attempts] == [1, 2]


def test_artifacts_newest_first_by_repository(history: History) -> None:
    history.note_artifact("o/b", 1, "taken")
    history.note_artifact("o/a", 1, "gone", "expired")
    history.note_artifact("o/a", 2, "refused", "too large")
    assert history.figures(1).artifacts() == [
        ("o/a", "refused", "too large"), ("o/a", "gone", "expired"), ("o/b", "taken", ""),
    ]  # fmt: skip


READS: dict[str, Callable[[Figures], object]] = {
    "times": lambda figures: figures.times(),
    "tests_of": lambda figures: figures.tests_of(TWO),
    "workers": lambda figures: figures.workers(TWO),
    "attempts_of": lambda figures: figures.attempts_of(TWO),
    "time_line": lambda figures: figures.time_line(TWO),
    "setups": lambda figures: figures.setups("t/a", [0, 1, 2]),
    "sightings": lambda figures: figures.sightings(["t/a"]),
    "strips": lambda figures: figures.strips(5),
    "ends": lambda figures: figures.ends(),
}


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("times", "call_us = -9000000"),
        ("tests_of", "teardown_us = 9e30"),
        ("workers", "started_us = -1"),
        ("attempts_of", "started_us = -1"),
        ("attempts_of", "call_us = -9000000"),
        ("attempts_of", "outcomes = 512"),
        ("attempts_of", "outcomes = -1"),
        ("time_line", "started_us = 'soon'"),
        ("setups", "setup_us = -1"),
        ("sightings", "call_us = 'long', outcomes = 81"),
        ("strips", "outcomes = 512"),
        ("ends", "outcomes = 'x'"),
    ],
)
def test_a_damaged_value_is_an_error_of_the_history(path: Path, name: str, damage: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = 1")
        connection.execute(f"UPDATE attempt SET {damage}")  # noqa: S608 - ours
    with open_history(path) as history, pytest.raises(CorruptHistoryError, match="NX507"):
        READS[name](history.figures(99))


def test_damaged_runs_and_artifacts_are_errors_of_the_history(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = 1")
        connection.execute("INSERT INTO artifact VALUES ('o/a', 'x', 'taken', 1, 7)")
        connection.execute("UPDATE run SET started_at = 'x'")
    with open_history(path) as history:
        with pytest.raises(CorruptHistoryError, match="NX507"):
            history.figures(99).artifacts()
        with pytest.raises(CorruptHistoryError, match="NX507"):
            uids(history.figures(99))
