"""The facts of the section Suite: time by day, and every test with its strip of outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

CELLS: Final = 50
"""Cells in a strip."""

SECONDS_OF: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"
"""Digits of `TestRow.times`: digit n stands for `1e-4 * 1.3 ** n` seconds, within 14 %."""

Kind = Literal["call", "setup"]


@dataclass(frozen=True, slots=True)
class Day:
    """The runs of one day."""

    starts_at: float
    """00:00 UTC; seconds since the epoch."""
    n_runs: int
    n_failed_runs: int
    wall_s: float
    """Seconds of the sessions."""
    tests_s: float
    """Seconds of all attempts: processor time of waiting tests included."""


@dataclass(frozen=True, slots=True)
class SlowTest:
    """A test, or its set-up, that takes long."""

    key: str
    kind: Kind
    seconds: float
    """Median of the last seven runs."""
    before_s: float | None
    """Median of the first half of the strip's runs; None if there are too few."""
    times: str
    """Calls or set-ups as in `TestRow.times`."""


@dataclass(frozen=True, slots=True)
class TestRow:
    """One test of the table."""

    __test__ = False

    key: str
    strip: str
    """The last 50 runs that have the test, oldest first: `.` passed, `F` failed, `E` error, `R`
    failed and passed in a rerun, `s` skipped, `x` expected failure, `X` unexpected pass."""
    times: str
    """Seconds of the first attempt in these runs, one digit of `SECONDS_OF` each."""
    runs: int
    failures: int
    flakes: int
    seconds: float
    """Expected seconds of the next execution."""
    last_outcome: str
    since_failure: int | None
    """Runs since the last failure; None without a failure."""
    last_seen: float
    rank: int | None
    """Position among all tests by failures expected per second, from 1, without regard to a change;
    None if no model can rank."""
    p_fail: float | None
    """Forecast of the deployed model without regard to a change."""
    status: str
    """`flaky`, `order-dependent`, `broken` or `recovered`; `stable` for all other tests."""
    is_quarantined: bool


@dataclass(frozen=True, slots=True)
class Signature:
    """Failures of a test with the same cause."""

    signature: str
    exception: str
    where: str
    message: str
    n_runs: int
    last_at: float


@dataclass(frozen=True, slots=True)
class Turn:
    """A run in which the outcome of a test changed."""

    at: float
    commit: str
    """Empty if unknown."""
    branch: str
    outcome: str
    """The outcome since this run, one cell as in `TestRow.strip`."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A test that fails in the same runs."""

    key: str
    together: int
    failures: int
    """Runs in which the other test failed."""


@dataclass(frozen=True, slots=True)
class TestDetail:
    """The page of one test that has failed, is slow, or ranks high."""

    __test__ = False

    key: str
    setup_s: float
    call_s: float
    teardown_s: float
    first_seen: float
    flake_rate: tuple[float, float, float] | None
    """Mean and 90 % interval of the share of runs that flake; None if no run tells."""
    reason: str
    """Why it has its status; empty for a stable test."""
    why: tuple[str, ...]
    """Why it ranks where it ranks, strongest reason first; empty if nothing suggests a failure."""
    signatures: tuple[Signature, ...]
    """Most frequent first, at most ten."""
    neighbours: tuple[Neighbour, ...]
    """Most frequent first, at most five."""
    turns: tuple[Turn, ...]
    """Newest first, at most 20."""


@dataclass(frozen=True, slots=True)
class SuiteFacts:
    """The section Suite."""

    days: tuple[Day, ...]
    """Oldest first; days without runs are left out."""
    slowest: tuple[SlowTest, ...]
    slowest_setups: tuple[SlowTest, ...]
    """The history records set-ups by test, not by fixture."""
    tests: tuple[TestRow, ...]
    """All tests, by rank."""
    details: tuple[TestDetail, ...]
    """Of tests that have more to tell, at most 500."""
    n_strip_runs: int
    """Runs behind the strips."""
