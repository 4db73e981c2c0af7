from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.domain.records import TestKey
from pytest_nexus.errors import HistoryError
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import read_history
from pytest_nexus.plan.flakiness.outcomes import OutcomeInRun, prove
from tests.support.builders import attempt, failure, run

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_nexus.history.store import History

X = TestKey("test_a.py::test_x")
C = "ab" * 20


def test_a_sighting_is_what_one_run_says_of_one_test(history: History) -> None:
    first = attempt(outcome="failed", failure=failure())
    second = attempt(number=2)
    of = run(1, commit=C, python="3.12.4", platform="linux", exit_status=1, selected_by=("-k",))
    ingest_run(history, of, [second, attempt("other"), first])
    assert history.sightings([X]) == {
        X: [OutcomeInRun(of.run_uid, 1.0, C, "3.12 linux", (first, second), False, ("-k",), 1)]
    }


def test_runs_come_in_the_order_of_the_fold(history: History) -> None:
    for uid, number in ((1, 3), (2, 2), (3, 1)):
        ingest_run(history, run(uid, ci_number=number), [attempt()])
    uids = [int(seen.run_uid, 16) for seen in history.sightings([X])[X]]
    assert uids == [3, 2, 1]


def test_a_dirty_tree_has_no_commit(history: History) -> None:
    ingest_run(history, run(1, commit=C, dirty=True), [attempt(outcome="failed")])
    ingest_run(history, run(2, commit=C), [attempt()])
    seen = history.sightings([X])[X]
    assert [one.commit for one in seen] == [None, C]
    assert prove(seen) == ["failed", "passed"]


def test_a_mass_failure_is_marked(history: History) -> None:
    ingest_run(history, run(1), [attempt(f"t{n}", "failed") for n in range(11)])
    assert history.sightings(["t3"])[TestKey("t3")][0].is_mass_failure


def test_imported_durations_and_unknown_tests_show_nothing(history: History) -> None:
    ingest_run(history, run(1, source="durations"), [attempt()])
    assert history.sightings([X, "nowhere"]) == {}


def test_a_slim_copy_is_refused_with_what_to_use(history: History, tmp_path: Path) -> None:
    ingest_run(history, run(1), [attempt()])
    history.export(tmp_path / "slim.sqlite3", slim=True)
    slim = read_history(tmp_path / "slim.sqlite3")
    assert slim is not None
    with slim, pytest.raises(HistoryError, match=r"searched for flakes.*NX515"):
        slim.sightings([X])
