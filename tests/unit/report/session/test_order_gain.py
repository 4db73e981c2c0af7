from __future__ import annotations

import pytest

from pytest_nexus.report.session.order_gain import Gain, Shared, gain
from pytest_nexus.session.timeline import Timeline

EXPECTED = {"a": 1.0, "b": 2.0, "c": 4.0}


def timeline(*steps: tuple[str, float, bool], setups: dict[str, float] | None = None) -> Timeline:
    """Return attempts in a row; the seconds of set-up come on top of those of the step."""
    made = Timeline()
    for nodeid, duration_s, is_bad in steps:
        setup_s = (setups or {}).get(nodeid, 0.0)
        made.add(nodeid, duration_s + setup_s, setup_s, is_bad=is_bad)
    return made


def test_run_without_a_failure_gained_nothing() -> None:
    assert gain(EXPECTED, timeline(("a", 1.0, False))) is None
    assert gain(EXPECTED, Timeline()) is None


def test_gain_compares_both_orders_with_the_durations_of_this_run() -> None:
    run = timeline(("c", 3.0, True), ("a", 0.5, False), ("b", 0.25, False))
    assert gain(EXPECTED, run) == Gain(3.0, 3.75, 3.75)


def test_what_did_not_run_counts_with_its_expectation() -> None:
    assert gain(EXPECTED, timeline(("c", 3.0, True))) == Gain(3.0, 6.0, 3.0)


def test_first_attempt_counts_and_not_its_rerun() -> None:
    run = timeline(("b", 2.0, True), ("b", 5.0, False), ("a", 1.0, False))
    assert gain(EXPECTED, run) == Gain(2.0, 3.0, 8.0)


def test_failure_of_a_test_that_was_not_planned_gains_nothing() -> None:
    assert gain(EXPECTED, timeline(("x", 2.0, True))) == Gain(2.0, 2.0, 2.0)


def test_timeline_counts_tests_and_not_attempts() -> None:
    assert timeline(("a", 1.0, True), ("a", 1.0, False), ("b", 1.0, False)).n_tests() == 2


def test_collection_order_is_that_of_the_expectations() -> None:
    run = timeline(("b", 1.0, True), ("a", 1.0, True))
    found = gain(EXPECTED, run)
    assert found is not None
    assert found.in_collection_order_s == pytest.approx(1.0)


BLOCK = {"b1": ("module:b",), "b2": ("module:b",)}


def in_collection_order(
    order: list[str], run: Timeline, scopes: dict[str, tuple[str, ...]], **planned_s: float
) -> float:
    expected_s = {f"module:{name}": seconds for name, seconds in planned_s.items()}
    found = gain(dict.fromkeys(order, 1.0), run, Shared(scopes, expected_s))
    assert found is not None
    return found.in_collection_order_s


@pytest.mark.parametrize("planned", [{}, {"b": 5.0}])
def test_the_first_test_of_a_block_pays_in_the_order_of_collection(planned) -> None:
    run = timeline(
        ("a", 1.0, False), ("b2", 1.0, False), ("c", 1.0, True), ("b1", 1.0, False),
        setups={"b2": 5.0},
    )  # fmt: skip
    assert in_collection_order(["b1", "c", "b2", "a"], run, BLOCK, **planned) == 5 + 1 + 1


def test_a_block_that_did_not_run_costs_its_planned_set_up() -> None:
    run = timeline(("c", 1.0, True))
    assert in_collection_order(["b1", "b2", "c"], run, BLOCK, b=5.0) == 5 + 1 + 1 + 1


def test_a_set_up_is_not_counted_twice_where_one_test_of_the_block_ran() -> None:
    run = timeline(("b2", 1.0, True), setups={"b2": 5.0})
    assert in_collection_order(["b1", "b2"], run, BLOCK, b=5.0) == 5 + 1 + 1


def test_a_failure_outside_of_a_slow_block_is_not_charged_for_it() -> None:
    run = timeline(("a", 1.0, False), ("b1", 1.0, False), ("b2", 1.0, False), ("c", 1.0, True),
                   setups={"b1": 5.0})  # fmt: skip
    assert in_collection_order(["c", "b1", "b2", "a"], run, BLOCK, b=5.0) == 1


def test_blocks_inside_blocks_are_charged_once_each() -> None:
    scopes = {"b1": ("module:m", "class:b"), "b2": ("module:m", "class:b"), "d1": ("module:m",)}
    run = timeline(
        ("a", 1.0, False), ("b2", 1.0, False), ("b1", 1.0, False), ("d1", 1.0, False),
        ("c", 1.0, True), setups={"b2": 7.0},
    )  # fmt: skip
    found = in_collection_order(["d1", "b1", "c", "b2", "a"], run, scopes)
    assert found == 7 + 1 + 1 + 1


def test_session_fixtures_are_paid_by_the_first_test_in_either_order() -> None:
    run = timeline(("a", 1.0, False), ("c", 1.0, True), ("b", 1.0, False), setups={"a": 5.0})
    assert in_collection_order(["b", "c", "a"], run, {}) == 5 + 1 + 1


def test_a_slow_set_up_of_its_own_is_not_taken_for_that_of_the_session() -> None:
    run = timeline(("a", 1.0, False), ("c", 1.0, True), ("b", 1.0, False), setups={"a": 5.0})
    found = gain({"b": 1.0, "c": 1.0, "a": 6.0}, run)
    assert found is not None
    assert found.in_collection_order_s == 2
