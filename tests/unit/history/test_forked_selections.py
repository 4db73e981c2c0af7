"""What runs of forks and of branches say about the tests that may be left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_nexus.domain.records import Change, CIRun
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.plan.selection.always_run import Facts, reasons_to_run
from pytest_nexus.plan.selection.modes import Asked, parse_mode
from pytest_nexus.plan.selection.recorded import RunSelection
from tests.support.builders import attempt, changed, collected, run

if TYPE_CHECKING:
    from pytest_nexus.domain.records import Run
    from pytest_nexus.history.store import History

ASKED = Asked(parse_mode("confidence:90%"))
DAY = 86_400.0
NOW = 100 * DAY
X = "a.py::x"
ON = RunSelection("on", "confidence:90%", 0.9, 1.0, 3, 9.0)


def ran(uid: int, at: float, branch: str = "work", ci: str | None = None, **more: Any) -> Run:
    one = run(uid, at, selected_by=more.pop("selected_by", ("nexus-unlikely",)), **more)
    return one._replace(
        change=Change(commit="c" * 40, branch=branch), ci=CIRun("github", ci) if ci else None
    )


def reasons(history: History) -> dict[int, str]:
    facts = Facts(history.stats(), changed(), NOW, history.selection.starts_on("work"))
    return reasons_to_run([collected(X)], facts, ASKED)


def test_a_pass_in_a_fork_makes_no_test_known(history: History) -> None:
    ingest_run(history, ran(1, NOW - 9, trust="fork"), [attempt(X)])
    assert reasons(history) == {0: "new"}


def test_a_pass_in_a_fork_takes_no_failure_and_no_age_away(history: History) -> None:
    ingest_run(history, ran(1, NOW - 9 * DAY), [attempt(X, "failed")])
    ingest_run(history, ran(2, NOW - 9, trust="fork"), [attempt(X)])
    assert reasons(history) == {0: "failed last time"}
    ingest_run(history, ran(3, NOW - 8 * DAY), [attempt(X)])
    assert reasons(history) == {0: "not run for 8 days"}


def test_the_selection_of_a_fork_is_no_evidence_and_ages_no_test(history: History) -> None:
    ingest_run(history, ran(1, NOW - 99), [attempt(X)])
    for uid in range(2, 25):
        fork = ran(uid, NOW - 50 + uid, trust="fork")
        ingest_run(history, fork, [attempt("a.py::y", "failed")], selection=ON)
    assert history.selection.runs() == []
    assert history.selection.starts_on("work") == [NOW - 99]
    assert reasons(history) == {}


def test_runs_of_the_branch_that_left_tests_out_age_the_others(history: History) -> None:
    ingest_run(history, ran(1, NOW - 99), [attempt(X)])
    for uid in range(2, 21):
        ingest_run(history, ran(uid, NOW - 50 + uid), [attempt("a.py::y")])
        ingest_run(history, ran(uid + 100, NOW - 50, branch="other"), [attempt("a.py::y")])
        ingest_run(history, ran(uid + 200, NOW - 50, selected_by=("-k",)), [attempt("a.py::y")])
    assert reasons(history) == {}
    ingest_run(history, ran(99, NOW - 1), [attempt("a.py::y")])
    assert reasons(history) == {0: "not in the last 20 runs of the branch"}


def test_the_shards_of_a_ci_run_count_as_one_run(history: History) -> None:
    for uid in range(1, 5):
        ingest_run(history, ran(uid, NOW - 50 + uid, ci="7"), [attempt(f"a.py::{uid}")])
    ingest_run(history, ran(9, NOW - 10, ci="8"), [attempt("a.py::9")])
    assert history.selection.starts_on("work") == [NOW - 10, NOW - 49]
