from __future__ import annotations

import pytest

from pytest_nexus.pipeline import Timeline
from pytest_nexus.report.gain import Gain, gain

EXPECTED = {"a": 1.0, "b": 2.0, "c": 4.0}


def timeline(*steps: tuple[str, float, bool]) -> Timeline:
    made = Timeline()
    for nodeid, duration_s, is_bad in steps:
        made.add(nodeid, duration_s, is_bad=is_bad)
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
