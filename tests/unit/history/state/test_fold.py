from __future__ import annotations

import math
import statistics
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_nexus.domain.records import Outcome, PhaseResult, TestStats
from pytest_nexus.history.state.fold import (
    MAX_COMMITS,
    WINDOW,
    Observation,
    RunFacts,
    State,
    fold,
    median_of,
    stats_of,
    trend_of,
)
from pytest_nexus.journal.encoding import FAIL, PASS, VERDICT_OF, pack

COMMITS = [bytes([n]) * 8 for n in range(1, 17)]


def facts(
    at: float = 0.0, commit: bytes = b"", *, mass_failure: bool = False, durations: bool = False
) -> RunFacts:
    return RunFacts(at, commit, not mass_failure, not durations)


def seen(outcome: Outcome, *more: Outcome, call_us: int | None = 100) -> Observation:
    verdicts = 0
    for each in (outcome, *more):
        verdicts |= VERDICT_OF[pack((None, PhaseResult(each, 0.0), None))]
    packed = pack((PhaseResult("passed", 0), PhaseResult(outcome, 0), PhaseResult("passed", 0)))
    return Observation(packed, verdicts, 10, call_us, 20)


def after(*observations: tuple[RunFacts, Observation]) -> State:
    state = None
    for run, observation in observations:
        state = fold(state, run, observation)
    assert state is not None
    return state


def read(state: State) -> TestStats:
    return stats_of("test_a.py::test_x", None, state)


def history(outcomes: str) -> TestStats:
    """Stats after runs given as letters: p(assed), f(ailed), s(kipped)."""
    names: dict[str, Outcome] = {"p": "passed", "f": "failed", "s": "skipped"}
    return read(after(*((facts(n), seen(names[c])) for n, c in enumerate(outcomes))))


def test_one_failing_run_has_rate_one() -> None:
    stats = history("f")
    assert (stats.rate_2, stats.rate_8, stats.rate_32) == (1.0, 1.0, 1.0)


@settings(deadline=None)
@given(st.text("pf", min_size=1, max_size=80))
def test_rates_are_the_weighted_means_of_all_runs(outcomes: str) -> None:
    stats = history(outcomes)
    for life, rate in ((2, stats.rate_2), (8, stats.rate_8), (32, stats.rate_32)):
        weights = [2 ** (-age / life) for age in range(len(outcomes))][::-1]
        failed = sum(w for w, c in zip(weights, outcomes, strict=True) if c == "f")
        assert rate == pytest.approx(failed / sum(weights), abs=1e-9)
        assert 0 <= rate <= 1


@pytest.mark.parametrize(
    ("outcomes", "since", "transitions", "failures"),
    [("p", None, 0, 0), ("f", 0, 0, 1), ("pfpp", 2, 2, 1), ("ffp", 1, 1, 2), ("fsf", 0, 0, 2)],
)
def test_transitions_and_runs_since_failure(
    outcomes: str, since: int | None, transitions: int, failures: int
) -> None:
    stats = history(outcomes)
    assert (stats.runs_since_failure, stats.transitions) == (since, transitions)
    assert stats.failures == failures


def test_a_skipped_test_has_not_run() -> None:
    stats = history("ps")
    assert (stats.runs, stats.last_outcome, stats.last_seen) == (1, "skipped", 1.0)
    assert stats.first_seen == 0.0


def test_a_skip_leaves_no_duration() -> None:
    state = after((facts(), seen("skipped", call_us=5_000_000)))
    assert read(state).duration_s == 0


@pytest.mark.parametrize("outcome", ["xfailed", "xpassed"])
def test_expected_failures_pass(outcome: Outcome) -> None:
    stats = read(after((facts(), seen(outcome))))
    assert (stats.failures, stats.last_outcome) == (0, outcome)


def test_an_error_is_a_failure() -> None:
    assert read(after((facts(), seen("error")))).failures == 1


def test_failed_and_passed_in_one_run_is_a_flake() -> None:
    assert after((facts(), seen("failed", "passed"))).flakes == 1


def test_failed_and_passed_on_one_commit_is_one_flake() -> None:
    c = COMMITS[0]
    runs = [(facts(n, c), seen(o)) for n, o in enumerate(("failed", "passed", "failed"))]
    assert after(*runs).flakes == 1


def test_failed_on_one_commit_and_passed_on_the_next_is_no_flake() -> None:
    runs = [(facts(1, COMMITS[0]), seen("failed")), (facts(2, COMMITS[1]), seen("passed"))]
    assert after(*runs).flakes == 0


def test_two_flaky_commits_are_two_flakes() -> None:
    runs = [(facts(n, c), seen("failed", "passed")) for n, c in enumerate(COMMITS[:2])]
    assert after(*runs).flakes == 2


def test_without_a_commit_runs_are_not_compared() -> None:
    assert after((facts(1), seen("failed")), (facts(2), seen("passed"))).flakes == 0


def test_a_mass_failure_is_no_evidence() -> None:
    c = COMMITS[0]
    runs = [
        (facts(1, c, mass_failure=True), seen("failed", "passed")),
        (facts(2, c), seen("passed")),
    ]
    assert after(*runs).flakes == 0


def test_a_commit_is_remembered_behind_the_other_jobs_of_a_matrix() -> None:
    order = [COMMITS[0], *COMMITS[1:MAX_COMMITS], COMMITS[0]]
    outcomes: list[Outcome] = ["failed", *["passed"] * MAX_COMMITS]
    runs = [(facts(n, c), seen(o)) for n, (c, o) in enumerate(zip(order, outcomes, strict=True))]
    assert after(*runs).flakes == 1


def test_the_memory_of_commits_is_bounded() -> None:
    state = after(*((facts(n, c), seen("passed")) for n, c in enumerate(COMMITS)))
    assert [state.commits[at : at + 8] for at in range(0, len(state.commits), 9)] == COMMITS[
        -MAX_COMMITS:
    ]


def test_a_commit_seen_again_takes_no_other_place() -> None:
    order = [COMMITS[0], *[COMMITS[1]] * 5]
    state = after(*((facts(n, c), seen("passed")) for n, c in enumerate(order)))
    assert [state.commits[at : at + 8] for at in range(0, len(state.commits), 9)] == COMMITS[:2]


def test_a_commit_that_two_others_spell_together_is_not_known() -> None:
    first, second = bytes(range(8)), bytes(range(10, 18))
    state = after((facts(1, first), seen("failed")), (facts(2, second), seen("failed")))
    between = state.commits[4:12]
    assert fold(state, facts(3, between), seen("passed")).flakes == 0


def test_imported_durations_count_no_run() -> None:
    observation = Observation(1 << 3, PASS, None, 2_000_000, None)
    stats = read(after((facts(5, durations=True), observation)))
    assert (stats.runs, stats.call_s, stats.setup_s, stats.last_seen) == (0, 2.0, 0.0, 5.0)


def test_one_outlier_does_not_move_the_expected_duration() -> None:
    calls = [100_000, 100_000, 60_000_000, 100_000]
    state = after(*((facts(n), seen("passed", call_us=c)) for n, c in enumerate(calls)))
    assert read(state).call_s == pytest.approx(0.1)


def test_a_lasting_change_moves_the_expected_duration_after_four_runs() -> None:
    calls = [100_000] * 20 + [900_000] * 4
    state = after(*((facts(n), seen("passed", call_us=c)) for n, c in enumerate(calls)))
    assert read(state).call_s == pytest.approx(0.9)


def test_errors_in_setup_do_not_forget_the_duration_of_the_call() -> None:
    error = Observation(3, FAIL, 10, None, 20)
    runs = [(facts(0), seen("passed", call_us=100_000))]
    runs += [(facts(n), error) for n in range(1, 20)]
    assert read(after(*runs)).call_s == pytest.approx(0.1)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1000, width=32), min_size=1, max_size=WINDOW))
def test_median_is_the_lower_one_of_the_durations_there_are(values: list[float]) -> None:
    padded = [math.nan] * (WINDOW - len(values)) + values
    assert median_of(padded) == statistics.median_low(values)


def test_median_of_no_duration_is_zero() -> None:
    assert median_of([math.nan] * WINDOW) == 0.0


def test_fold_leaves_its_state_as_it_was() -> None:
    state = after((facts(), seen("passed")))
    copy = tuple(state)
    fold(state, facts(1), seen("failed"))
    assert tuple(state) == copy


def test_settings_are_still_written_for_older_versions_that_read_them() -> None:
    state = None
    for at in range(9):
        run = RunFacts(float(at), b"", True, True, bytes([at, at]))
        state = fold(state, run, seen("passed"))
    assert state is not None
    assert state.settings == b"".join(bytes([at, at]) for at in range(2, 9))


def trend(*seconds: float) -> float:
    """The trend of executions, each with a set-up, a call and a tear-down of known seconds."""
    phases = [part for value in seconds for part in (0.25, value - 0.5, 0.25)]
    return trend_of(struct.pack("<21f", *[math.nan] * (21 - len(phases)), *phases))


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([], 0.0),
        ([3.0], 3.0),
        ([3.0, 2.0], 2.0),
        ([2.0, 4.0], 2.0),
        ([1.0, 2.0, 3.0], 4.0),
        ([1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0], 4.5),
        ([8.0, 6.0, 4.0], 2.0),
        ([9.0, 5.0, 1.0], 0.0),
        ([2.0] * 7, 2.0),
        ([1.0, 2.0, 9.0, 4.0, 5.0], 6.0),
        ([1.0, 4.0, 2.0, 3.0], 3.0),
    ],
)
def test_a_trend_goes_on_by_the_median_slope(seconds: list[float], expected: float) -> None:
    assert trend(*seconds) == pytest.approx(expected)
