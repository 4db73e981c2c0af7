from __future__ import annotations

from pytest_nexus.plan.culprit.known_results import known_results, newest_failure, passes_before
from pytest_nexus.plan.flakiness.outcomes import OutcomeInRun
from tests.support.builders import attempt


def seen(commit: str | None, *outcomes: str, mass: bool = False) -> OutcomeInRun:
    attempts = tuple(attempt("a.py::x", outcome) for outcome in outcomes)
    return OutcomeInRun("0" * 32, 1.0, commit, "", attempts, is_mass_failure=mass)


def test_the_last_attempt_counts_and_the_newest_run_comes_first():
    found = known_results([seen("a", "passed"), seen("b", "failed", "passed"), seen("c", "error")])
    assert [tuple(each) for each in found] == [("c", "failed"), ("b", "passed"), ("a", "passed")]


def test_runs_that_say_nothing_are_left_out():
    assert not known_results(
        [seen(None, "failed"), seen("a", "failed", mass=True), seen("b", "skipped")]
    )


def test_the_ends_of_a_search_come_from_the_results():
    found = known_results([seen("a", "passed"), seen("b", "passed"), seen("c", "failed")])
    assert newest_failure(found) == "c"
    assert passes_before(found, "c") == ["b", "a"]


def test_without_a_failure_there_is_no_end():
    assert newest_failure(known_results([seen("a", "passed")])) is None
    assert passes_before([], "c") == []
