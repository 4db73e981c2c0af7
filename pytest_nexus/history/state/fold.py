"""Fold the observations of a test, in order, into its statistics. Pure functions."""

from __future__ import annotations

import math
import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_nexus.domain.records import OUTCOMES, FunctionKey, TestKey, TestStats
from pytest_nexus.journal.encoding import (
    FAIL,
    NO_VERDICT,
    OUTCOME_CODE_OF,
    PASS,
    VERDICT_OF,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

WINDOW: Final = 7
"""Durations kept of each phase. The median of 7 survives three outliers in a row, such as a cold
cache and two runs on a busy machine. It follows a lasting change after four runs."""

HALF_LIVES: Final = (2, 8, 32)
"""Runs of a test after which a failure counts half: recent edits, recent days, long term."""

MAX_COMMITS: Final = 12
"""Commits kept as evidence of flakes, one entry for each environment of a commit. The jobs of a
matrix arrive together, and a failed job may run again after all others. Older commits rarely
return."""

SETTING_BYTES: Final = 2
NO_SETTING: Final = bytes(SETTING_BYTES)
"""For a run without a known environment."""

_TRIPLE: Final = struct.Struct("<3f")
_DURATIONS: Final = struct.Struct(f"<{3 * WINDOW}f")
DURATIONS_BYTES: Final = _DURATIONS.size
_NO_DURATIONS: Final = _DURATIONS.pack(*[math.nan] * 3 * WINDOW)
_NO_SETTINGS: Final = NO_SETTING * WINDOW
_IMPLAUSIBLE_S: Final = 1e8
"""Above the sum of three phases of one week each."""

_COMMIT_BYTES: Final = 8
_ENTRY_BYTES: Final = _COMMIT_BYTES + 1
_MEMORY_BYTES: Final = MAX_COMMITS * _ENTRY_BYTES
_BOTH: Final = PASS | FAIL
_BYTE: Final = (b"\0", b"\1", b"\2", b"\3")
_SETTLED: Final = 1024
_new: Final = tuple.__new__
"""Makes a named tuple in a third of the time; there is one for every attempt."""


class State(NamedTuple):
    """A row of the state table without its id; a tuple, so that it is stored unchanged."""

    runs: int
    failures: int
    rate_2: float
    rate_8: float
    rate_32: float
    since_failure: int | None
    transitions: int
    flakes: int
    last_outcome: int
    first_seen: float
    last_seen: float
    durations: bytes
    commits: bytes
    settings: bytes
    """Environment of each call in `durations`; empty in a slim copy from an older version. Only
    older versions read this column; this version only writes it."""


class RunFacts(NamedTuple):
    """The facts about a run that the fold uses."""

    started_at: float
    commit: bytes
    """8 bytes for commit and environment; empty when the tree was dirty or the commit unknown."""
    teaches_flakes: bool
    """False for a mass failure, which says nothing about single tests."""
    has_outcomes: bool
    """False for imported durations."""
    setting: bytes = NO_SETTING
    """2 bytes for the environment and the number of workers."""


class Observation(NamedTuple):
    """The observation of one test in one run."""

    outcomes: int
    """Outcomes of the first attempt, packed."""
    verdicts: int
    """Verdicts of all attempts: `PASS`, `FAIL` or both bits."""
    setup_us: int | None
    call_us: int | None
    teardown_us: int | None


def fold(state: State | None, run: RunFacts, seen: Observation) -> State:
    """Return the state of a test after one more run; None is the state before the first run.

    A skipped test has not run, and an imported duration has no outcome. Neither counts as a run.
    """
    if state is None:
        start = run.started_at
        state = State(
            0, 0, 0.0, 0.0, 0.0, None, 0, 0, 1, start, start, _NO_DURATIONS, b"", _NO_SETTINGS
        )  # fmt: skip
    verdict = VERDICT_OF[seen.outcomes]
    if not run.has_outcomes:
        return state._replace(
            last_seen=run.started_at,
            durations=_pushed(state.durations, seen),
            settings=_settings(state.settings, run, seen.call_us),
        )
    if verdict == NO_VERDICT:
        return state._replace(last_outcome=OUTCOME_CODE_OF[seen.outcomes], last_seen=run.started_at)
    return _counted(state, run, seen, failed=verdict == FAIL)


def _counted(state: State, run: RunFacts, seen: Observation, *, failed: bool) -> State:
    (
        runs, failures, rate_2, rate_8, rate_32, since, transitions, flakes,
        _, first_seen, _, durations, commits, settings,
    ) = state  # fmt: skip
    if runs and failed != (since == 0):
        transitions += 1
    if failed or failures:
        gain_2, gain_8, gain_32 = _gains(min(runs + 1, _SETTLED))
        rate_2 += (failed - rate_2) * gain_2
        rate_8 += (failed - rate_8) * gain_8
        rate_32 += (failed - rate_32) * gain_32
        since = 0 if failed or since is None else since + 1
    if run.teaches_flakes:
        commits, proved = _witness(commits, run.commit, seen.verdicts)
        flakes += proved
    row = (
        runs + 1, failures + failed, rate_2, rate_8, rate_32, since, transitions, flakes,
        OUTCOME_CODE_OF[seen.outcomes], first_seen, run.started_at,
        _pushed(durations, seen), commits, _settings(settings, run, seen.call_us),
    )  # fmt: skip
    return _new(State, row)


def _settings(settings: bytes, run: RunFacts, call_us: int | None) -> bytes:
    """Return the environments of the calls, with one more if the call ran."""
    return settings if call_us is None else settings[SETTING_BYTES:] + run.setting


def _pushed(durations: bytes, seen: Observation) -> bytes:
    """Return the durations, with one more for each phase that ran."""
    setup, call, teardown = seen.setup_us, seen.call_us, seen.teardown_us
    if setup is not None and call is not None and teardown is not None:
        return durations[_TRIPLE.size :] + _TRIPLE.pack(setup / 1e6, call / 1e6, teardown / 1e6)
    values = list(_DURATIONS.unpack(durations))
    for phase, duration_us in enumerate((setup, call, teardown)):
        if duration_us is not None:
            values[phase::3] = [*values[phase + 3 :: 3], duration_us / 1e6]
    return _DURATIONS.pack(*values)


@lru_cache(maxsize=_SETTLED)
def _gains(runs: int) -> tuple[float, float, float]:
    """Return the weight of the newest of `runs` runs, for each half-life.

    With decay d = 2^(-1/half-life), the weights d^i of n runs sum to (1 - d^n) / (1 - d). Division
    by the sum corrects the bias of an average over few runs: one failing run gives rate 1.
    """
    first, second, third = (
        (1 - 2 ** (-1 / life)) / (1 - 2 ** (-runs / life)) for life in HALF_LIVES
    )
    return first, second, third


def _witness(memory: bytes, commit: bytes, verdicts: int) -> tuple[bytes, int]:
    """Return the stored commits after one more observation, and 1 if it proves a flake."""
    if not commit:
        return memory, int(verdicts == _BOTH)
    before = 0
    if commit in memory:
        memory, before = _taken_out(memory, commit)
    after = before | verdicts
    memory = (memory + commit + _BYTE[after])[-_MEMORY_BYTES:]
    return memory, int(after == _BOTH != before)


def _taken_out(memory: bytes, commit: bytes) -> tuple[bytes, int]:
    """Return the stored commits without one commit, and the verdicts of that commit."""
    for at in range(0, len(memory), _ENTRY_BYTES):
        if memory.startswith(commit, at):
            return memory[:at] + memory[at + _ENTRY_BYTES :], memory[at + _COMMIT_BYTES]
    return memory, 0  # the bytes of two entries together match the commit


def stats_of(key: str, function: str | None, state: Sequence[Any]) -> TestStats:
    """Return the statistics of a `State`, with medians in place of durations."""
    (
        runs, failures, rate_2, rate_8, rate_32, since, transitions, flakes,
        last_outcome, first_seen, last_seen, packed, *_,
    ) = state  # fmt: skip
    durations = _DURATIONS.unpack(packed)
    setup_s, call_s, teardown_s = (median_of(durations[phase::3]) for phase in range(3))
    if not 0 <= setup_s + call_s + teardown_s <= _IMPLAUSIBLE_S:  # refuses NaN too: see fold
        setup_s = call_s = teardown_s = 0.0
    return TestStats(
        TestKey(key),
        FunctionKey(function or key),
        runs,
        failures,
        rate_2,
        rate_8,
        rate_32,
        since,
        transitions,
        flakes,
        OUTCOMES[last_outcome - 1],
        first_seen,
        last_seen,
        setup_s,
        call_s,
        teardown_s,
    )


def trend_of(durations: bytes) -> float:
    """Return the seconds of the next execution if the recent trend continues.

    Adds the median of the slopes between all pairs (P. Sen, Estimates of the regression coefficient
    based on Kendall's tau, 1968) to the median of the executions; at least 0.
    """
    values: tuple[float, ...] = _DURATIONS.unpack(durations)
    sums = [sum(values[at : at + 3]) for at in range(0, len(values), 3)]
    sums = [value for value in sums if value >= 0]
    if len(sums) < 3:
        return min(sums, default=0.0)
    slopes = [
        (later - sooner) / (at - before)
        for at, later in enumerate(sums)
        for before, sooner in enumerate(sums[:at])
    ]
    slope = sorted(slopes)[(len(slopes) - 1) // 2]
    ahead = [value + slope * (len(sums) - at) for at, value in enumerate(sums)]
    return max(0.0, sorted(ahead)[(len(ahead) - 1) // 2])


def median_of(window: Sequence[float]) -> float:
    """Return the median of the known durations: of two middle ones the smaller, 0 without any.

    Args:
        window: seconds of `WINDOW` executions; NaN at the start if a test has fewer executions.

    >>> median_of([9.0, 1.0, 2.0, 4.0, 3.0, 3.5, 2.5])
    3.0
    """
    if window[0] == window[0]:
        return sorted(window)[WINDOW // 2]
    values = sorted([value for value in window if value == value])  # noqa: PLR0124 - no NaN
    return values[(len(values) - 1) // 2] if values else 0.0
