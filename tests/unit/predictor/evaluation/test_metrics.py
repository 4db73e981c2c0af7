"""Every figure by hand, and APFDc by its definition."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_nexus.predictor.evaluation.metrics import (
    Score,
    average_precision,
    brier,
    calibration,
    mean,
    score,
)


def marked(failing: set[int], n: int) -> list[bool]:
    return [at in failing for at in range(n)]


@st.composite
def scored_runs(draw):
    order = draw(st.integers(1, 9).flatmap(lambda n: st.permutations(range(n))))
    failing = draw(st.sets(st.sampled_from(order), min_size=1))
    seconds = st.floats(0.001, 1000)
    return order, marked(failing, len(order)), [draw(seconds) for _ in order]


def test_figures_of_an_order() -> None:
    """Of 8 s: the first failing test ends after 1, the other one runs from 2 to 4."""
    found = score([3, 1, 0, 2], marked({0, 3}, 4), [2.0, 1.0, 4.0, 1.0])
    assert found.apfd == 1 - (1 + 3) / (4 * 2) + 1 / (2 * 4) == 0.625
    assert found.apfdc == (7.5 + 5.0) / (2 * 8) == 0.78125
    assert found.first_failure == 1 / 8
    assert found.recall == (0.0, 0.0, 0.5, 1.0)
    assert found.caught == (0.0, 0.0, 1.0, 1.0)


def test_a_failure_at_the_front_is_best_and_one_at_the_end_worst() -> None:
    durations = [1.0, 1.0, 1.0, 1.0]
    first = score([0, 1, 2, 3], marked({0}, 4), durations)
    last = score([1, 2, 3, 0], marked({0}, 4), durations)
    assert (first.apfd, first.apfdc, first.first_failure) == (0.875, 0.875, 0.25)
    assert (last.apfd, last.apfdc, last.first_failure) == (0.125, 0.125, 1.0)


def test_a_slow_test_before_the_failure_costs_apfdc_alone() -> None:
    slow = score([1, 0], marked({0}, 2), [1.0, 9.0])
    quick = score([1, 0], marked({0}, 2), [9.0, 1.0])
    assert slow.apfd == quick.apfd == 0.25
    assert (slow.apfdc, quick.apfdc) == (0.05, 0.45)


def test_tests_without_time_are_judged_by_number() -> None:
    found = score([2, 0, 1], marked({0}, 3), [0.0, 0.0, 0.0])
    assert (found.apfd, found.apfdc, found.first_failure) == (0.5, 0.5, 2 / 3)


@given(scored_runs())
def test_apfdc_is_the_mean_share_of_time_that_is_left_after_a_failure(run) -> None:
    order, failed, durations = run
    left = [
        sum(durations[other] for other in order[place:]) - durations[at] / 2
        for place, at in enumerate(order)
        if failed[at]
    ]
    expected = sum(left) / (sum(durations) * len(left))
    assert score(order, failed, durations).apfdc == pytest.approx(expected)


@given(scored_runs())
def test_apfdc_of_equal_durations_is_apfd(run) -> None:
    order, failed, _ = run
    for seconds in (2.0, 0.0):
        found = score(order, failed, [seconds] * len(order))
        assert found.apfdc == pytest.approx(found.apfd)


@given(scored_runs())
def test_all_figures_are_shares(run) -> None:
    found = score(*run)
    assert all(0 <= each <= 1 for each in (found.apfd, found.apfdc, *found.recall, *found.caught))
    assert 0 < found.first_failure <= 1


@given(scored_runs())
def test_an_order_and_its_reverse_share_one(run) -> None:
    order, failed, durations = run
    both = score(order, failed, durations).apfdc + score(order[::-1], failed, durations).apfdc
    assert both == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("order", "failed"), [([0, 1], [False, False]), ([0], [False, True])], ids=["none", "elsewhere"]
)
def test_an_order_without_the_failures_has_no_figure(order, failed) -> None:
    with pytest.raises(ValueError, match="no test fails in this run, or a failing one is not in"):
        score(order, failed, [1.0, 1.0])


def test_the_mean_is_taken_figure_by_figure() -> None:
    one = Score(0.1, 0.2, 0.3, (0.0, 0.4), (0.0, 1.0))
    other = Score(0.3, 0.6, 0.9, (0.2, 1.0), (1.0, 1.0))
    found = mean(iter([one, other]))
    assert (found.apfd, found.apfdc, found.first_failure) == pytest.approx((0.2, 0.4, 0.6))
    assert found.recall == pytest.approx((0.1, 0.7))
    assert found.caught == (0.5, 1.0)


def test_average_precision_is_the_mean_over_the_failures() -> None:
    assert average_precision([0.9, 0.5, 0.1], [True, False, True]) == (1 + 2 / 3) / 2
    assert average_precision([0.1, 0.5, 0.9], [True, False, False]) == 1 / 3
    assert average_precision([0.1, 0.9], [True, True]) == 1.0


def test_without_a_failure_the_precision_is_0() -> None:
    assert average_precision([0.5, 0.5], [False, False]) == 0
    assert average_precision([], []) == 0


def test_brier_is_the_mean_squared_difference() -> None:
    assert brier([0.8, 0.1, 0.4], [True, False, False]) == pytest.approx((0.04 + 0.01 + 0.16) / 3)
    assert brier([1.0, 0.0], [True, False]) == 0.0
    assert brier([1.0, 0.0], [False, True]) == 1.0


def test_calibration_compares_prediction_and_outcome_in_each_bin() -> None:
    p = [0.3, 0.0005, 0.005, 0.9, 0.05, 0.2]
    failed = [False, False, False, True, False, True]
    assert calibration(p, failed) == [
        {"tests": 1, "predicted": 0.0005, "failed": 0.0},
        {"tests": 1, "predicted": 0.005, "failed": 0.0},
        {"tests": 1, "predicted": 0.05, "failed": 0.0},
        {"tests": 2, "predicted": pytest.approx(0.25), "failed": 0.5},
        {"tests": 1, "predicted": 0.9, "failed": 1.0},
    ]


def test_a_prediction_at_an_edge_belongs_to_the_bin_above_it() -> None:
    bins = calibration([0.25, 0.5, 0.75], [False, True, True], edges=(0.5,))
    assert bins == [
        {"tests": 1, "predicted": 0.25, "failed": 0.0},
        {"tests": 2, "predicted": 0.625, "failed": 1.0},
    ]
