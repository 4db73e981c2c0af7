from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.domain.records import NodeId, TestKey
from pytest_nexus.plan.flakiness.hunt import (
    MAX_STRIDE,
    MIN_RUNS,
    Hunted,
    after,
    due,
    round_of,
    stride,
    verdicts,
)
from tests.support.builders import attempt, failure

ROUNDS = [round_of(number, seed=7) for number in range(4)]


def hunted(name: str = "t.py::test_x", **fields: object) -> Hunted:
    return Hunted(TestKey(name), NodeId(name), "t.py", **fields)  # type: ignore[arg-type] # by name


def seen(*outcomes: str, name: str = "t.py::test_x") -> Hunted:
    one = hunted(name)
    for this, outcome in zip(ROUNDS, outcomes, strict=False):
        why = failure("dry") if outcome == "failed" else None
        one = after(one, this, [attempt(name, outcome, failure=why)])  # type: ignore[arg-type] # outcomes
    return one


def test_every_round_has_its_order_and_every_second_one_load():
    assert [(this.seed, this.is_loaded) for this in ROUNDS] == [
        (7, False), (8, True), (9, False), (10, True),
    ]  # fmt: skip


@given(st.floats(0, 10_000), st.none() | st.integers(1, 500))
def test_a_test_of_any_duration_meets_load_and_runs_often_enough(duration_s, n_rounds):
    step = stride(duration_s, n_rounds)
    assert step % 2 == 1
    assert step <= MAX_STRIDE
    if n_rounds is not None and n_rounds >= MIN_RUNS:
        assert len(range(0, n_rounds, step)) >= MIN_RUNS


@given(st.floats(0, 60), st.floats(0, 60), st.integers(1, 200))
def test_a_slower_test_runs_no_more_often(one_s, other_s, n_rounds):
    quick, slow = sorted([one_s, other_s])
    assert stride(quick, n_rounds) <= stride(slow, n_rounds)


def test_a_test_leaves_once_it_passed_and_failed():
    flaky, sound, broken = seen("passed", "failed"), seen("passed"), seen("failed")
    assert due([flaky, sound, broken], 1, 20) == [sound, broken]


def test_slow_tests_sit_rounds_out():
    slow = hunted(expected_s=1.2)
    assert [bool(due([slow], number, 20)) for number in range(6)] == [
        True, False, False, True, False, False,
    ]  # fmt: skip


def test_what_was_measured_replaces_what_was_expected():
    one = after(hunted(expected_s=9.0), ROUNDS[0], [attempt(call_s=0.1)])
    assert one.duration_s == pytest.approx(0.102)


def test_a_skipped_attempt_is_none():
    one = after(hunted(), ROUNDS[0], [attempt(outcome="skipped")])
    assert (one.passes, one.failures, one.seconds) == (0, 0, 0.0)


def test_the_first_failure_is_kept():
    one = seen("passed", "failed", "failed")
    assert one.failed_in == ROUNDS[1]
    assert one.failure is not None


def test_the_verdict_names_what_is_flaky_and_how_sure_the_rest_is():
    tests = [
        seen("passed", "failed", name="t::test_f"),
        seen("failed", "failed", name="t.py::test_broken"),
        *(hunted(f"t.py::test_{n}", passes=40) for n in range(3)),
        hunted("t.py::test_once", passes=1),
        hunted("t.py::test_skipped"),
    ]
    assert verdicts(tests) == [
        "flaky: t::test_f failed 1 of 2 times (round 2, seed 8, under load): AssertionError: dry",
        "broken: t.py::test_broken failed each time, 2 in all; not flaky",
        "3 tests passed 40 times: flake rate below 7.2 % with 95 % certainty",
        "1 test passed 1 time: flake rate below 95.0 % with 95 % certainty",
        "1 test never ran, or was always skipped",
    ]


def test_where_all_passed_nothing_else_is_said():
    assert len(verdicts([hunted(passes=20)])) == 1
