"""Plan a hunt for flaky tests: which tests run in which round, and the results. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.records import BAD
from pytest_nexus.domain.wording import counted, percent
from pytest_nexus.plan.flakiness.rates import highest_rate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_nexus.domain.records import Attempt, Failure, NodeId, TestKey

QUICK_S: Final = 0.5
"""A test up to this duration runs in every round. A test of n times this duration runs in about
every n-th round."""

MAX_STRIDE: Final = 9
"""Even the slowest test runs in every ninth round."""

MIN_RUNS: Final = 3
"""Even the slowest test runs this often, if there are enough rounds."""


@dataclass(frozen=True, slots=True)
class Round:
    """One session of the hunt."""

    number: int
    """Number of the round, from 0."""
    seed: int
    """Seed of the order of its tests."""
    is_loaded: bool
    """Whether a busy process kept each CPU core occupied."""
    order: str = ""
    """Description of the order if its tests run in the order given; empty for a random order."""

    @property
    def text(self) -> str:
        """Return a description of the round, counted from 1."""
        if self.order:
            return f"round {self.number + 1}, {self.order}"
        load = ", under load" if self.is_loaded else ""
        return f"round {self.number + 1}, seed {self.seed}{load}"


@dataclass(frozen=True, slots=True)
class Hunted:
    """The results of the hunt for one test."""

    key: TestKey
    nodeid: NodeId
    path: str
    expected_s: float = 0.0
    """Expected seconds of one run; replaced by measured seconds."""
    passes: int = 0
    failures: int = 0
    seconds: float = 0.0
    failed_in: Round | None = None
    """The first round in which it failed."""
    failure: Failure | None = None
    """The failure in that round."""

    @property
    def is_flaky(self) -> bool:
        """Return whether the test both passed and failed, so that it leaves the hunt."""
        return self.passes > 0 and self.failures > 0

    @property
    def duration_s(self) -> float:
        """Return the seconds of one run, measured if possible."""
        n_runs = self.passes + self.failures
        return self.seconds / n_runs if n_runs else self.expected_s


def round_of(number: int, seed: int) -> Round:
    """Return a round with its own order; every second round runs under load."""
    return Round(number, seed + number, is_loaded=number % 2 == 1)


def stride(duration_s: float, n_rounds: int | None) -> int:
    """Return how many rounds apart the runs of a test are; odd, so that some run under load.

    Args:
        duration_s: of one run.
        n_rounds: of the whole hunt; None if only the time is limited.

    >>> [stride(seconds, 20) for seconds in (0.1, 0.6, 2.0, 60.0)]
    [1, 3, 5, 5]
    """
    limit = MAX_STRIDE if n_rounds is None else min(MAX_STRIDE, max(1, n_rounds // MIN_RUNS))
    rounds = min(ceil(duration_s / QUICK_S), limit)
    if rounds <= 1:
        return 1
    return rounds if rounds % 2 else min(rounds + 1, limit - 1 + limit % 2)


def due(hunted: Iterable[Hunted], number: int, n_rounds: int | None) -> list[Hunted]:
    """Return the tests of a round: those not yet seen both passing and failing."""
    return [
        one for one in hunted if not one.is_flaky and number % stride(one.duration_s, n_rounds) == 0
    ]


def after(one: Hunted, this: Round, attempts: Sequence[Attempt]) -> Hunted:
    """Return the updated results of a test after a round; a skipped attempt does not count."""
    outcomes = Counter(attempt.outcome in BAD for attempt in attempts if _counts(attempt))
    failed = next((attempt for attempt in attempts if attempt.outcome in BAD), None)
    is_first = failed is not None and one.failed_in is None
    return replace(
        one,
        passes=one.passes + outcomes[False],
        failures=one.failures + outcomes[True],
        seconds=one.seconds + sum(attempt.duration_s for attempt in attempts if _counts(attempt)),
        failed_in=this if is_first else one.failed_in,
        failure=failed.failure if failed is not None and is_first else one.failure,
    )


def verdicts(hunted: Sequence[Hunted]) -> list[str]:
    """Return a sentence for each flaky and each broken test, then one for each number of passes."""
    said = [_flaky(one) for one in hunted if one.is_flaky]
    said += [
        f"broken: {one.nodeid} failed each time, {one.failures:,} in all; not flaky"
        for one in hunted
        if one.failures and not one.passes
    ]
    sound = Counter(one.passes for one in hunted if not one.failures)
    said += [
        f"{counted(sound[passes], 'test')} passed {counted(passes, 'time')}: "
        f"flake rate below {percent(highest_rate(passes))} with 95 % certainty"
        for passes in sorted(sound, reverse=True)
        if passes
    ]
    if sound[0]:
        said.append(f"{counted(sound[0], 'test')} never ran, or was always skipped")
    return said


def _flaky(one: Hunted) -> str:
    where = f" ({one.failed_in.text})" if one.failed_in is not None else ""
    why = f": {one.failure.exception}: {one.failure.message}" if one.failure is not None else ""
    total = one.passes + one.failures
    return f"flaky: {one.nodeid} failed {one.failures:,} of {total:,} times{where}{why}"


def _counts(attempt: Attempt) -> bool:
    return attempt.outcome != "skipped"
