from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_nexus.domain.records import OUTCOMES, Attempt, FunctionKey, NodeId, Outcome, PhaseResult
from pytest_nexus.domain.records import TestKey as Key
from pytest_nexus.journal.encoding import (
    FAIL,
    NO_VERDICT,
    OUTCOME_CODE_OF,
    PASS,
    VERDICT_OF,
    clean,
    full_attempt,
    microseconds,
    pack,
    raw_attempt,
    unpack,
    worker_number,
)
from tests.support.builders import attempt, failure

phases = st.none() | st.builds(PhaseResult, st.sampled_from(OUTCOMES), st.just(0.25))


def of_phases(*ran: PhaseResult | None) -> Attempt:
    return Attempt(NodeId("n"), Key("n"), FunctionKey("n"), 1, 0.0, *ran)


@settings(deadline=None)
@given(phases, phases, phases)
def test_the_outcome_of_packed_phases_is_that_of_the_attempt(
    setup: PhaseResult | None, call: PhaseResult | None, teardown: PhaseResult | None
) -> None:
    packed = pack((setup, call, teardown))
    outcome = of_phases(setup, call, teardown).outcome
    assert OUTCOMES[OUTCOME_CODE_OF[packed] - 1] == outcome
    assert unpack(packed) == tuple(p and p.outcome for p in (setup, call, teardown))


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        ("passed", PASS), ("xfailed", PASS), ("xpassed", PASS),
        ("failed", FAIL), ("error", FAIL), ("skipped", NO_VERDICT),
    ],
)  # fmt: skip
def test_verdict_of_each_outcome(outcome: Outcome, verdict: int) -> None:
    passed = PhaseResult("passed", 0)
    assert VERDICT_OF[pack((passed, PhaseResult(outcome, 0), passed))] == verdict


def test_all_passed_fits_in_one_byte_of_sqlite() -> None:
    assert raw_attempt(attempt())[3] == 73


def test_an_attempt_comes_back_as_it_was() -> None:
    original = attempt(
        "a.py::t[1]", "failed", number=2, started_s=1.25, worker="gw3", failure=failure()
    )
    assert full_attempt(raw_attempt(original)) == original


@pytest.mark.parametrize(
    ("seconds", "stored"),
    [(0.25, 250_000), (-5.0, 0), (1e12, 604_800_000_000), (float("inf"), 604_800_000_000)],
)
def test_impossible_durations_are_clamped(seconds: float, stored: int) -> None:
    assert microseconds(seconds) == stored


def test_a_duration_that_is_no_number_is_none() -> None:
    assert microseconds(float("nan")) == 0


@pytest.mark.parametrize(
    ("worker", "number"),
    [("gw0", 0), ("gw12", 12), (None, None), ("popen", None), ("gw", None), ("gw²", None)],
)
def test_worker_numbers(worker: str | None, number: int | None) -> None:
    assert worker_number(worker) == number


def test_a_lone_surrogate_can_be_stored() -> None:
    assert clean("a\ud800é") == "a?é"
