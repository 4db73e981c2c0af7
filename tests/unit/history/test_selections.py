"""What the history knows about selection: kept with its run, its version, and the file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from math import inf

import pytest

from pytest_nexus.errors import CorruptHistoryError
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.queries.selection import (
    escape_headline,
    headline,
    selection_evidence,
    selection_state,
)
from pytest_nexus.history.sqlite.models import Version
from pytest_nexus.history.sqlite.selection_tables import StoredCut, read_selection
from pytest_nexus.history.store import History, open_history, read_history
from pytest_nexus.plan.delivery.escape_guard import Guard, GuardedFile, LeavingRun
from pytest_nexus.plan.selection.change_risk import Calibration
from pytest_nexus.plan.selection.promise import FailingRun
from pytest_nexus.plan.selection.recorded import RunSelection
from pytest_nexus.plan.selection.watch import Alarm, Check
from tests.support.builders import attempt, run

SHADOW = RunSelection("shadow", "confidence:99%", 0.99, 3.5, 2, 1.5, frozenset({"a.py::x"}))
BOTH_FAIL = [attempt("a.py::x", "failed"), attempt("a.py::y", "failed"), attempt("a.py::z")]
X_FAILS = [attempt("a.py::x", "failed"), attempt("a.py::y"), attempt("a.py::z")]
EVIDENCE = (FailingRun(1.0, 0.0, (0.0, 2.5)), FailingRun(2.0, 4.0, (4.0, inf)))
CUT = StoredCut(0.9, 4.5, 0.09, 12, 10, 10.0, 20.0)


def seen(history: History) -> list[tuple[str, int, int, bool]]:
    found = history.selection.runs()
    return [(each.run_uid[-1], each.n_failed, each.n_missed, each.is_missed) for each in found]


def test_a_run_is_missed_if_all_its_failing_tests_would_have_been_left_out(history):
    ingest_run(history, run(1), X_FAILS, selection=SHADOW)
    ingest_run(history, run(2), BOTH_FAIL, selection=SHADOW)
    ingest_run(history, run(3), [attempt("a.py::x")], selection=SHADOW)
    flaky = [*X_FAILS, attempt("a.py::x", number=2, started_s=9.0)]
    ingest_run(history, run(4), flaky, selection=SHADOW)
    ingest_run(history, run(5), X_FAILS)
    assert seen(history) == [
        ("1", 1, 1, True), ("2", 2, 1, False), ("3", 0, 0, False), ("4", 0, 0, False)
    ]  # fmt: skip
    assert [check.missed for check in history.selection.checks()] == [True, False]
    assert history.check() == []


def test_only_runs_of_all_tests_with_a_promise_are_checks(history):
    ingest_run(history, run(1), X_FAILS, selection=SHADOW._replace(mode="on"))
    ingest_run(history, run(2), X_FAILS, selection=SHADOW._replace(confidence=None))
    assert history.selection.checks() == []
    assert history.selection.left_out_in() == {f"{1:032x}"}


@pytest.mark.parametrize("slim", [False, True])
def test_all_of_it_comes_along_in_copies_and_merges(history, tmp_path, slim):
    ingest_run(history, run(1), X_FAILS, selection=SHADOW)
    history.selection.keep(EVIDENCE, [CUT])
    history.selection.word.say("off", 5.0)
    history.export(tmp_path / "copy.sqlite3", slim=slim)
    copy = read_history(tmp_path / "copy.sqlite3")
    assert copy is not None
    with copy:
        assert seen(copy) == seen(history)
        assert copy.selection.state() == history.selection.state()
        assert copy.selection.evidence(15.0) == EVIDENCE
    if not slim:
        with open_history(tmp_path / "merged.sqlite3") as merged:
            merged.merge(tmp_path / "copy.sqlite3")
            assert seen(merged) == seen(history)
            assert merged.selection.state() == history.selection.state()
            assert read_selection(merged._connection, 1) == SHADOW


def test_the_copy_with_a_selection_is_kept_in_whatever_order_copies_arrive(tmp_path):
    for at, copies in enumerate([(None, SHADOW), (SHADOW, None)]):
        with open_history(tmp_path / f"{at}.sqlite3") as history:
            for selection in copies:
                ingest_run(history, run(1), X_FAILS, selection=selection)
            assert seen(history) == [("1", 1, 1, True)]


def test_a_selection_goes_with_its_run(history):
    for number in (1, 2):
        ingest_run(history, run(number), X_FAILS, selection=SHADOW)
    history.prune(keep_runs=1)
    assert [uid for uid, *_ in seen(history)] == ["2"]
    (n_rows,) = history._connection.execute("SELECT count(*) FROM selection_missed").fetchone()
    assert n_rows == 1


def test_a_fork_cannot_say_what_was_missed(history):
    for number in range(9):
        forked = run(number)._replace(trust="fork", head="b" * 40)
        ingest_run(history, forked, X_FAILS, selection=SHADOW)
    assert history.selection.state().mode == "on"
    history.accept(["b" * 40])
    assert history.selection.runs() == []


def test_the_watch_stops_a_selection_that_misses_too_much(history):
    for number in range(1, 4):
        ingest_run(history, run(number, 100.0 * number), X_FAILS, selection=SHADOW)
    state = selection_state(history)
    assert (state.mode, state.since) == ("shadow", 100.0)
    assert state.alarm is not None
    assert "missed 1 of 1 failing run" in state.why
    assert state.alarm.runs[0][:8] in state.why
    history.selection.word.say("on", 250.0)
    assert selection_state(history).mode == "shadow", "the third run is a miss of its own"
    history.selection.word.say("on", 350.0)
    assert selection_state(history) == ("on", 350.0, "", None)
    history.selection.word.say("off", 400.0)
    assert selection_state(history).mode == "shadow"
    assert "nexus select off" in selection_state(history).why


def test_a_mass_failure_is_no_check(history):
    many = [attempt(f"a.py::t{at}", "failed") for at in range(60)]
    ingest_run(history, run(1), many, selection=SHADOW._replace(left={"a.py::t1"}))
    assert history.selection.checks() == []


def test_evidence_belongs_to_the_deployed_version_and_expires(history, monkeypatch):
    history.selection.keep(EVIDENCE, [CUT, CUT._replace(confidence=0.99, gap=None, risk=None)])
    assert history.selection.evidence(19.0) == EVIDENCE
    assert history.selection.evidence(20.0) == ()
    assert selection_evidence(history) == (), "it expired in 1970"
    assert [cut.gap for cut in history.selection.cuts()] == [4.5, None]
    registry = history.models
    registry.add(Version("v1", None, 1.0, "{}", "{}", "{}"))
    registry.set_alias("champion", "v1", 2.0)
    assert history.selection.evidence(15.0) == ()
    history.selection.keep(EVIDENCE[:1], [CUT])
    assert history.selection.evidence(15.0) == EVIDENCE[:1]
    registry.set_alias("champion", None, 3.0)
    assert history.selection.evidence(15.0) == EVIDENCE


def test_the_evidence_of_old_versions_is_forgotten(history):
    for number in range(6):
        history.models.add(Version(f"v{number}", None, 1.0, "{}", "{}", "{}"))
        history.models.set_alias("champion", f"v{number}", 2.0)
        history.selection.keep(EVIDENCE, [CUT._replace(made_at=float(number))])
    rows = history._connection.execute("SELECT DISTINCT version FROM selection_evidence")
    assert sorted(version for (version,) in rows) == ["v3", "v4", "v5"]


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("selection_run", "mode", "off"), ("selection_run", "confidence", 2.0),
        ("selection_run", "n_left", -1), ("selection_run", "rule", "x" * 1001),
        ("selection_run", "gap", -1.0), ("selection_run", "left_s", inf),
        ("selection_evidence", "gaps", b"x" * 9), ("selection_evidence", "gaps", b"\xff" * 8),
        ("selection_evidence", "gaps", b""), ("selection_evidence", "started_at", "x"),
        ("selection_cut", "expires_at", "never"), ("selection_cut", "gap", -0.5),
    ],
)  # fmt: skip
def test_values_that_nexus_does_not_write_are_one_error(history, table, column, value):
    ingest_run(history, run(1), X_FAILS, selection=SHADOW)
    history.selection.keep(EVIDENCE, [CUT])
    history._connection.execute(f"UPDATE {table} SET {column} = ?", (value,))  # noqa: S608 - ours
    with pytest.raises(CorruptHistoryError, match="did not write"):
        (history.selection.runs(), history.selection.evidence(15.0))


def test_a_word_that_is_no_time_does_not_count(history):
    history._connection.execute("INSERT INTO meta VALUES ('selection_off', 'nan')")
    assert selection_state(history).mode == "on"


def test_escapes_have_a_watch_of_their_own(history, tmp_path):
    misses = tuple(Check(100.0 + at, f"{at:032x}", 0.01, missed=True) for at in range(3))
    guard = Guard(misses, (GuardedFile("src/a.py", 100.0, "c" * 40),))
    history.deployments.keep_guard(guard)
    assert history.deployments.guard() == guard
    state = selection_state(history)
    assert (state.mode, state.since) == ("shadow", 100.0)
    assert state.why.startswith("1 of 1 broken commit escaped while selection left out tests")
    history.export(tmp_path / "slim.sqlite3", slim=True)
    copy = read_history(tmp_path / "slim.sqlite3")
    assert copy is not None
    with copy:
        assert selection_state(copy) == state
    history.selection.word.say("on", 200.0)
    assert selection_state(history).mode == "on"


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "{}", '{"checks": [[1, "r", 7, true]], "files": []}',
     '{"checks": [], "files": [["a.py", 1e999, "c"]]}', '{"checks": [[]], "files": []}'],
)  # fmt: skip
def test_a_damaged_guard_guards_nothing(history, text):
    history.deployments.keep_guard(Guard())
    with closing(sqlite3.connect(history.path)) as connection, connection:
        connection.execute("UPDATE meta SET value = ? WHERE name = 'escapes'", (text,))
    assert history.deployments.guard() == Guard()


def test_only_trusted_runs_at_clean_commits_that_left_tests_out_are_leaving(history):
    on = SHADOW._replace(mode="on", left=frozenset())
    ingest_run(history, run(1, commit="a" * 40), X_FAILS, selection=on)
    ingest_run(history, run(2, commit="a" * 40, dirty=True), X_FAILS, selection=on)
    ingest_run(history, run(3, commit="b" * 40), X_FAILS, selection=on._replace(n_left=0))
    ingest_run(history, run(4, commit="c" * 40), X_FAILS, selection=SHADOW)
    fork = run(5, commit="d" * 40)._replace(trust="fork", head="d" * 40)
    ingest_run(history, fork, X_FAILS, selection=on)
    (found,) = history.deployments.leaving_runs()
    assert found == LeavingRun(f"{1:032x}", 1.0, "a" * 40, 0.99, has_failed=True)


def test_the_risk_is_that_of_the_deployed_model(history: History) -> None:
    risk = Calibration(1.5, -2.5, 90, 12, 0.1, 0.2)
    assert history.selection.risk() is None
    history.selection.keep(EVIDENCE, [CUT], risk)
    assert history.selection.risk() == risk
    history.models.set_alias("champion", "another", 1.0)
    assert history.selection.risk() is None
    history.models.set_alias("champion", None, 2.0)
    assert history.selection.risk() == risk
    history.selection.keep(EVIDENCE, [CUT])
    assert history.selection.risk() is None


def test_headlines_name_the_newest_missed_runs() -> None:
    runs = tuple(f"{n:032x}" for n in range(1, 8))
    alarm = Alarm(5.0, 7, 5, 0.05, 0.01, 0.02, runs)
    assert headline(alarm) == (
        "selection missed 5 of 7 failing runs, 5.0 % at most were promised; all tests run until"
        f" `nexus select on`; missed: {', '.join(['00000000'] * 5)} and 2 more"
    )
    few = alarm._replace(n_checks=1, n_missed=1, runs=("ab" * 16,))
    assert escape_headline(few) == (
        "1 of 1 broken commit escaped while selection left out tests that use their files, 5.0 % at"
        " most were promised; all tests run until `nexus select on`; missed: abababab"
    )
