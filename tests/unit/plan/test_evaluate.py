from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.plan.evaluate import (
    apfd,
    apfdc,
    collection_order,
    fastest_first,
    last_failed_first,
    shuffled,
    time_to_first_failure_share,
)


@st.composite
def scored_runs(draw):
    order = draw(st.integers(1, 9).flatmap(lambda n: st.permutations(range(n))))
    failing = draw(st.sets(st.sampled_from(order), min_size=1))
    seconds = st.floats(0.001, 1000)
    return order, failing, [draw(seconds) for _ in order]


@given(scored_runs())
def test_apfdc_is_the_area_under_the_curve_of_faults_found(run) -> None:
    """The definition drawn out: mean over faults of the share of time that is left after it."""
    order, failing, durations = run
    total = sum(durations)
    left = []
    for fault in failing:
        at = list(order).index(fault)
        left.append(sum(durations[i] for i in order[at:]) - durations[fault] / 2)
    direct = sum(left) / (total * len(failing))
    assert apfdc(order, failing, durations) == pytest.approx(direct)


@given(scored_runs())
def test_apfdc_of_equal_durations_is_apfd(run) -> None:
    order, failing, _ = run
    assert apfdc(order, failing, [2.0] * len(order)) == pytest.approx(apfd(order, failing))
    assert apfdc(order, failing, [0.0] * len(order)) == pytest.approx(apfd(order, failing))


@given(scored_runs())
def test_all_figures_are_shares(run) -> None:
    order, failing, durations = run
    assert 0 <= apfd(order, failing) <= 1
    assert 0 <= apfdc(order, failing, durations) <= 1
    assert 0 < time_to_first_failure_share(order, failing, durations) <= 1


@given(scored_runs())
def test_an_order_and_its_reverse_share_one(run) -> None:
    order, failing, durations = run
    both = apfdc(order, failing, durations) + apfdc(order[::-1], failing, durations)
    assert both == pytest.approx(1.0)


def test_first_failure_is_the_one_that_ends_first() -> None:
    assert time_to_first_failure_share([2, 0, 1], {0, 1}, [1.0, 5.0, 2.0]) == 3 / 8


def test_first_failure_of_a_run_without_durations_is_counted_in_tests() -> None:
    assert time_to_first_failure_share([2, 0, 1], {0}, [0.0, 0.0, 0.0]) == 2 / 3


@pytest.mark.parametrize("failing", [set(), {7}])
@pytest.mark.parametrize(
    "figure",
    [
        lambda failing: apfd([0, 1], failing),
        lambda failing: apfdc([0, 1], failing, [1.0, 1.0]),
        lambda failing: time_to_first_failure_share([0, 1], failing, [1.0, 1.0]),
    ],
)
def test_a_run_without_its_failures_has_no_figure(figure, failing) -> None:
    with pytest.raises(ValueError, match="failing must name tests of the order"):
        figure(failing)


def test_orders_to_compare_with() -> None:
    assert collection_order(2) == [0, 1]
    assert shuffled(3, list.reverse) == [2, 1, 0]
    assert last_failed_first([False, True, False, True]) == [1, 3, 0, 2]
    assert fastest_first([2.0, None, 1.0, 2.0]) == [1, 2, 0, 3]
