from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.plan.heuristic import BASE, explain, forecast, record_odds, youth_factor
from pytest_nexus.plan.known_tests import StatsIndex
from tests.support.builders import by_key, changed, collected, known

X, Y = "t/a.py::test_x", "t/b.py::test_y"
STEADY = {"rate_2": 0.5, "rate_8": 0.5, "rate_32": 0.5, "failures": 5}


def p_fail(first, second, change=None):
    """Return the probabilities of X and Y under these statistics."""
    index = StatsIndex(by_key(*(each for each in (first, second) if each)), {})
    both = forecast([collected(X), collected(Y)], index, change or changed())
    return [each.p_fail for each in both]


def test_a_test_that_failed_lately_is_likelier_to_fail_than_one_that_did_long_ago() -> None:
    lately = known(X, failures=1, rate_2=0.7, rate_8=0.3, rate_32=0.1)
    long_ago = known(Y, failures=1, rate_2=0.0, rate_8=0.01, rate_32=0.05)
    first, second = p_fail(lately, long_ago)
    assert first > second


def test_a_test_that_never_failed_keeps_the_base_odds() -> None:
    first, _ = p_fail(known(X, runs=1_000_000), known(Y))
    assert first == pytest.approx(BASE, rel=0.01)


def test_a_new_test_is_likelier_to_fail_than_an_old_one() -> None:
    first, second = p_fail(None, known(Y))
    assert first > second


def test_record_and_change_support_each_other() -> None:
    change = changed("t/a.py")
    failed, _ = p_fail(known(X, failures=1, rate_32=0.1), known(Y))
    near, _ = p_fail(known(X), known(Y), change)
    both, _ = p_fail(known(X, failures=1, rate_32=0.1), known(Y), change)
    assert both > 1 - (1 - failed) * (1 - near)


def test_flaky_failures_tell_less() -> None:
    assert record_odds(known(X, **STEADY, flakes=5)) < record_odds(known(X, **STEADY))


def test_more_flakes_than_failures_tell_no_less_than_as_many() -> None:
    """Flakes may come from reruns, of which the first attempt passed in no run that counted."""
    assert record_odds(known(X, **STEADY, flakes=50)) == record_odds(known(X, **STEADY, flakes=5))


def test_odds_of_a_test_that_always_fails_are_finite() -> None:
    always = known(X, failures=10, rate_2=1.0, rate_8=1.0, rate_32=1.0)
    assert record_odds(always) == pytest.approx(19)


def test_youth_wears_off() -> None:
    assert youth_factor(None) > youth_factor(known(X, runs=1)) > youth_factor(known(X, runs=50)) > 1


def test_duration_leaves_out_what_was_paid_for_others() -> None:
    tests = [collected(f"t/a.py::x{i}", ("module:t/a.py",)) for i in range(2)]
    stats = by_key(known(tests[0].key, setup_s=9.0), known(tests[1].key, setup_s=0.0))
    durations = [each.duration_s for each in forecast(tests, StatsIndex(stats, {}), changed())]
    assert durations == pytest.approx([0.1, 0.1])


@given(st.floats(0, 1), st.integers(0, 50), st.integers(0, 99), st.booleans(), st.booleans())
def test_probabilities_are_inside_of_zero_and_one(rate, failures, flakes, is_new, is_near) -> None:
    stats = known(X, rate_2=rate, rate_8=rate, rate_32=rate, failures=failures, flakes=flakes)
    for p in p_fail(None if is_new else stats, None, changed("t/a.py") if is_near else None):
        assert 0 < p < 1


def test_explanation_of_a_test_that_never_ran() -> None:
    said = explain(collected(X), StatsIndex({}, {}), changed())
    assert said[0] == "It has never run: 10 times the odds of a test that has."
    assert said[-1] == "It is expected to take 0.01 s."


def test_explanation_carries_the_numbers_of_the_record() -> None:
    stats = known(X, **STEADY, runs=12, runs_since_failure=3, flakes=2)
    said = " ".join(explain(collected(X), StatsIndex(by_key(stats), {}), changed("t/a.py")))
    assert "failed in 5 of 12 runs, most recently 3 runs before its last" in said
    assert "2 of its failures were flakes" in said
    assert "t/a.py changed: times 10" in said


@pytest.mark.parametrize(
    ("nodeid", "renames", "expected"),
    [
        (X, {}, "Its own history counts"),
        ("t/new.py::test_x", {"t/new.py": "t/a.py"}, "before its file was renamed"),
        (f"{X}[1]", {}, "the history of its function counts"),
    ],
)
def test_explanation_says_whose_history_counts(nodeid, renames, expected) -> None:
    stats = by_key(known(X, failures=1, runs_since_failure=0))
    said = explain(collected(nodeid), StatsIndex(stats, renames), changed(), [collected(nodeid)])
    assert expected in said[0]
    assert "in its last run" in said[1]
