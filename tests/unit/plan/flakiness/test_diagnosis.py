from __future__ import annotations

import pytest

from pytest_nexus.plan.flakiness.diagnosis import diagnose
from pytest_nexus.plan.flakiness.outcomes import prove
from tests.support.sightings import LINUX, WINDOWS, row, seen


def of(sightings, *, is_over=False):
    return diagnose(sightings, prove(sightings), is_over=is_over)


@pytest.mark.parametrize(
    ("runs", "status"),
    [
        ([], "stable"),
        (["a:P*5"], "stable"),
        (["a:S"], "stable"),
        (["a:P", "b:FP", "c:P"], "flaky"),
        (["a:P*9", "b:F", "b:P"], "flaky"),
        (["a:P", "b:FF"], "broken"),
        (["a:P", "b:F", "c:F"], "broken"),
        (["a:P", "b:F", "c:P"], "recovered"),
        (["a:FP*9", "b:F"], "flaky"),  # a flake so frequent explains one more failure
        (["a:FP", "b:P*98", "c:FF"], "broken"),  # one so rare does not explain two in a row
        (["a:P*9", "a:F"], "flaky"),
        (["a:P*9", "a:F*3"], "broken"),  # what it depends on has changed
        (["a:P*9", "a:F*3", "a:P"], "flaky"),
    ],
)
def test_the_status_by_what_was_seen(runs, status):
    assert of(row(*runs)).status == status


def test_a_flake_that_would_have_shown_is_over():
    found = of(row("a:FP", "b:P*20"), is_over=True)
    assert found.status == "recovered"
    assert found.reason == (
        "failed and passed on the same commit in 1 of 21 runs; "
        "passed 20 times since, enough to be over"
    )


def test_mass_failures_alone_leave_a_test_stable():
    assert of([seen("F", "a", is_mass_failure=True), *row("b:P")]).status == "stable"


def test_what_fails_in_one_environment_only_is_bound_to_it_and_not_flaky():
    sightings = [
        each
        for n, commit in enumerate("abc")
        for each in (
            seen("P", commit, LINUX, run=2 * n),
            seen("FF", commit, WINDOWS, run=2 * n + 1),
        )
    ]
    found = of(sightings)
    assert (found.status, found.bound_to) == ("broken", (WINDOWS,))
    assert found.reason == (
        f"failed in its last 3 runs in {WINDOWS}, without a pass; "
        f"passes elsewhere on the same commit: bound to {WINDOWS}"
    )


def test_a_failure_everywhere_is_bound_to_nothing():
    found = of([seen("F", "a", LINUX, run=1), seen("F", "a", WINDOWS, run=2)])
    assert (found.status, found.bound_to) == ("broken", ())


def test_what_breaks_in_one_environment_after_the_other_is_bound_to_neither():
    first = [seen("P", "a", LINUX, run=1), seen("F", "a", WINDOWS, run=2)]
    later = [seen("F", "b", LINUX, run=3), seen("F", "b", WINDOWS, run=4)]
    assert of([*first, *later]).bound_to == ()


def test_where_it_flaked_before_it_is_not_bound():
    flaked = row("x:FP", "y:P*90", environment=WINDOWS)
    pairs = [(seen("P", c, LINUX, run=100), seen("FF", c, WINDOWS, run=101)) for c in "ab"]
    found = of([*flaked, *(each for pair in pairs for each in pair)])
    assert (found.status, found.bound_to) == ("broken", ())


def test_one_failing_run_binds_to_nothing():
    found = of([seen("P", "a", LINUX, run=1), seen("FF", "a", WINDOWS, run=2)])
    assert (found.status, found.bound_to) == ("broken", ())


def test_an_environment_that_is_no_longer_tested_in_breaks_nothing():
    old = seen("F", "a", WINDOWS)
    assert of([old, *row("b:P*49")]).status == "broken"
    assert of([old, *row("b:P*50")]).status == "recovered"


def test_an_unknown_environment_is_called_so():
    assert "in an unknown environment" in of([seen("F", "a", "")]).reason


def test_a_flake_seen_only_when_picked_for_failing_says_so():
    found = of([seen("P", "a"), seen("FP", "a", selected_by=("--lf",))])
    assert found.status == "flaky"
    assert found.reason.endswith("in 1 run that picked it for failing")
