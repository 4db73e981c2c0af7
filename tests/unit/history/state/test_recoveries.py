"""What reruns teach: by test, signature and time, a sum over the trusted runs."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.errors import CorruptHistoryError
from pytest_nexus.history.exchange.merge import candidate_of
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import History, open_history, read_history
from pytest_nexus.importers.junit import read_junit
from pytest_nexus.plan.reruns.recovery_times import Recovery
from tests.support.builders import attempt, failure, run
from tests.support.histories import make_version_1

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_nexus.domain.records import Attempt

KEY = "test_a.py::test_x"
SIGN = failure().signature
HEAD = "a" * 40
SUREFIRE = """
<testsuite name="s" tests="1" time="0.3"><testcase classname="a" name="b" time="0.1">
<flakyFailure type="E" message="m"><stackTrace>t</stackTrace></flakyFailure>
</testcase></testsuite>
"""


def attempts(outcomes: str, *starts_s: float, key: str = KEY, sign: str = SIGN) -> list[Attempt]:
    """Attempts of 0.5 s, a letter for each outcome."""
    names: dict[str, Any] = {"P": "passed", "F": "failed", "E": "error", "S": "skipped"}
    return [
        attempt(
            key,
            names[letter],
            number=number,
            call_s=0.498,
            started_s=starts_s[number - 1],
            failure=failure(signature=sign) if letter in "FE" else None,
        )
        for number, letter in enumerate(outcomes, 1)
    ]


def test_each_later_attempt_counts_by_the_time_since_the_first_one_ended(history: History) -> None:
    ingest_run(history, run(), attempts("FFFP", 10.0, 10.6, 11.1, 40.6))
    assert history.recoveries() == [
        Recovery(KEY, SIGN, 0, 0, 1),
        Recovery(KEY, SIGN, 1, 0, 1),
        Recovery(KEY, SIGN, 4, 1, 0),
    ]


def test_the_signature_is_that_of_the_first_failure(history: History) -> None:
    first, second = attempts("FF", 0.0, 1.0)
    other = attempt(outcome="failed", number=2, started_s=1.0, failure=failure("m", "ff" * 8))
    assert second.number == other.number
    ingest_run(history, run(), [first, other, attempts("FFP", 0.0, 1.0, 4.0)[2]])
    assert {row.signature for row in history.recoveries()} == {SIGN}


def test_a_failure_without_a_signature_is_known_by_none(history: History) -> None:
    ingest_run(history, run(), [attempt(outcome="failed"), attempt(number=2, started_s=0.2)])
    assert [(row.signature, row.bucket, row.passed) for row in history.recoveries()] == [("", 0, 1)]


@pytest.mark.parametrize("outcomes", ["FFF", "FF", "P", "PF", "PP", "F", "FS", "SP"])
def test_what_did_not_go_away_says_nothing(history: History, outcomes: str) -> None:
    ingest_run(history, run(), attempts(outcomes, 0.0, 3.0, 9.0))
    assert history.recoveries() == []


def test_an_error_counts_as_a_failure_and_a_skip_as_nothing(history: History) -> None:
    ingest_run(history, run(), attempts("ESEP", 0.0, 1.0, 3.0, 9.0))
    assert [row[2:] for row in history.recoveries()] == [(2, 0, 1), (3, 1, 0)]


def test_a_clock_that_went_back_counts_as_at_once(history: History) -> None:
    ingest_run(history, run(), attempts("FP", 9.0, 1.0))
    assert [row.bucket for row in history.recoveries()] == [0]


def test_runs_add_up(history: History) -> None:
    for uid in (1, 2, 3):
        ingest_run(history, run(uid), attempts("FP", 0.0, 3.0))
    assert history.recoveries() == [Recovery(KEY, SIGN, 2, 3, 0)]


def test_a_better_copy_of_a_run_replaces_what_the_first_one_said(history: History) -> None:
    ingest_run(history, run(complete=False), attempts("FP", 0.0, 3.0))
    ingest_run(history, run(complete=True), attempts("FFP", 0.0, 3.0, 9.0))
    assert [row[2:] for row in history.recoveries()] == [(2, 0, 1), (3, 1, 0)]
    assert history.check() == []


def test_a_mass_failure_says_nothing(history: History) -> None:
    many = [one for n in range(11) for one in attempts("FP", 0.0, 3.0, key=f"test_a.py::t{n}")]
    ingest_run(history, run(1), many)
    assert history.runs()[0].mass_failure
    assert history.recoveries() == []
    ingest_run(history, run(2), many[:-2])
    assert len(history.recoveries()) == 10


def test_a_fork_teaches_once_it_is_accepted(history: History) -> None:
    history.add([candidate_of(run(1, trust="fork", head=HEAD), attempts("FP", 0.0, 3.0))])
    assert history.recoveries() == []
    assert history.check() == []
    history.accept([HEAD])
    assert history.recoveries() == [Recovery(KEY, SIGN, 2, 1, 0)]


def test_a_report_without_times_says_nothing(history: History, tmp_path: Path) -> None:
    (tmp_path / "r.xml").write_text(SUREFIRE)
    (imported,) = read_junit(tmp_path / "r.xml")
    assert [one.number for one in imported.attempts] == [1, 2]
    ingest_run(history, imported.run, imported.attempts)
    assert history.runs()[0].n_reruns == 1
    assert history.recoveries() == []
    assert history.check() == []


def test_pruned_runs_are_forgotten(history: History) -> None:
    ingest_run(history, run(1), attempts("FP", 0.0, 3.0, key="test_a.py::gone"))
    ingest_run(history, run(2), attempts("FP", 0.0, 9.0))
    history.prune(keep_runs=1)
    assert history.recoveries() == [Recovery(KEY, SIGN, 3, 1, 0)]
    assert history.check() == []


def test_a_merge_adds_what_the_other_knows_once(history: History, tmp_path: Path) -> None:
    ingest_run(history, run(1), attempts("FP", 0.0, 3.0))
    with open_history(tmp_path / "other.sqlite3") as other:
        ingest_run(other, run(1), attempts("FP", 0.0, 3.0))
        ingest_run(other, run(2), attempts("FFP", 0.0, 3.0, 9.0))
    for _ in range(2):
        history.merge(tmp_path / "other.sqlite3")
    assert [row[2:] for row in history.recoveries()] == [(2, 1, 1), (3, 1, 0)]
    assert history.check() == []


def test_a_slim_copy_knows_it_too(history: History, tmp_path: Path) -> None:
    ingest_run(history, run(), attempts("FP", 0.0, 3.0))
    history.export(tmp_path / "slim.sqlite3", slim=True)
    slim = read_history(tmp_path / "slim.sqlite3")
    assert slim is not None
    with slim:
        assert slim.recoveries() == history.recoveries() != []
        assert slim.check() == []


def test_check_finds_a_stale_table_and_rebuild_mends_it(history: History) -> None:
    ingest_run(history, run(), attempts("FP", 0.0, 3.0))
    known = history.recoveries()
    history._connection.execute("UPDATE recovery SET passed = 7")
    assert history.check() == ["what is known of reruns is stale; run `nexus history rebuild`"]
    history.rebuild()
    assert (history.check(), history.recoveries()) == ([], known)


@pytest.mark.parametrize(
    "change", ["bucket = 5", "bucket = -1", "passed = -1", "failed = 'many'", "signature = x'00'"]
)
def test_a_row_that_no_nexus_wrote_is_damage(history: History, change: str) -> None:
    ingest_run(history, run(), attempts("FP", 0.0, 3.0))
    history._connection.execute(f"UPDATE recovery SET {change}")  # noqa: S608 - of this test
    with pytest.raises(CorruptHistoryError, match="NX507"):
        history.recoveries()


@pytest.mark.parametrize("slim", [False, True])
def test_a_history_of_version_1_learns_from_its_reruns(
    history: History, tmp_path: Path, slim: bool
) -> None:
    ingest_run(history, run(), attempts("FP", 0.0, 3.0))
    old = tmp_path / "old.sqlite3"
    history.export(old, slim=slim)
    with closing(sqlite3.connect(old, isolation_level=None)) as connection:
        make_version_1(connection)
        connection.execute("UPDATE state SET flakes = 9")
    with open_history(old) as opened:
        assert opened.check() == []
        assert opened.recoveries() == ([] if slim else history.recoveries())
        assert opened.stats()[KEY].flakes == (9 if slim else 1)  # type: ignore[index] # a key
