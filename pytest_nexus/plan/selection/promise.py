"""Choose how unlikely a failure may be for a test to be left out, by conformal risk control.

Each test has a gap, see `gaps`: the larger the gap, the less of the expected failures of the run do
the test and all less likely ones carry. Tests with a gap up to the cut run. A failing run is missed
if all of its failing tests have larger gaps. The cut is the smallest gap whose corrected share of
missed runs is at most the promised one.

The correction is that of Angelopoulos and others, "Conformal Risk Control" (2022): the run to come
counts as missed. The weights of the past runs are fixed by their order alone. So the promise holds
for exchangeable runs, and degrades with the distance between old and new runs otherwise, as in
Farinhas and others, "Non-Exchangeable Conformal Risk Control" (2024).
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HALF_LIFE: Final = 300
"""Number of failing runs after which a failing run counts half."""

MAX_AGE_S: Final = 365 * 86_400.0
"""Older failing runs are no evidence."""

_KEPT: Final = 0.5 ** (1 / HALF_LIFE)
_ROUNDING: Final = 1e-9


class FailingRun(NamedTuple):
    """How far down a selection has to go to catch the failures of a past run."""

    at: float
    """When the run started, in seconds since the epoch."""
    first: float
    """Smallest gap with which at least one failing test runs."""
    every: tuple[float, ...]
    """Gap of each failing test. It is 0 for tests that always run, and `inf` for a test that runs
    only if all tests run."""


class Cut(NamedTuple):
    """A cut with the evidence for its promise."""

    gap: float
    """Tests with larger gaps are left out; `inf` if all tests have to run."""
    confidence: float
    """The promised share of failing runs in which at least one failing test runs."""
    risk: float
    """The corrected share of missed runs; at most 1 - confidence."""
    n_failing_runs: int
    since: float
    """Start of the first failing run of the evidence."""
    until: float
    """Start of the last failing run of the evidence."""


class TooLittle(NamedTuple):
    """There are too few failing runs for the promise, so all tests have to run."""

    n_failing_runs: int
    n_needed: int
    """The number of recent failing runs with which the promise is possible; 0 if no number is
    enough."""


def choose_cut(past: Sequence[FailingRun], confidence: float, now: float) -> Cut | TooLittle:
    """Return the cut for the next run.

    Args:
        past: failing runs in any order.
        confidence: the promised share of failing runs that are caught, between 0 and 1.
        now: start of the next run. Runs that are later or too old are no evidence.
    """
    allowed = 1.0 - confidence + _ROUNDING
    usable = sorted((run for run in past if now - MAX_AGE_S <= run.at <= now), reverse=True)
    weights = [_KEPT**age for age in range(len(usable))]
    total = sum(weights) + 1.0
    if not usable or 1.0 / total > allowed:
        return TooLittle(len(usable), n_needed(confidence))
    firsts = ((run.first, weight) for run, weight in zip(usable, weights, strict=True))
    gap, risk = _smallest(firsts, total, allowed)
    return Cut(gap, confidence, risk, len(usable), usable[-1].at, usable[0].at)


def n_needed(confidence: float) -> int:
    """Return the number of failing runs without which no cut keeps the promise; 0 if none can.

    >>> n_needed(0.9), n_needed(0.99), n_needed(0.999)
    (10, 113, 0)
    """
    allowed = 1.0 - confidence + _ROUNDING
    if allowed * (1.0 / (1.0 - _KEPT) + 1.0) <= 1.0:
        return 0
    total, count = 1.0, 0
    while 1.0 / total > allowed or not count:
        total += _KEPT**count
        count += 1
    return count


def _smallest(
    firsts: Iterable[tuple[float, float]], total: float, allowed: float
) -> tuple[float, float]:
    """Return the smallest gap with an allowed corrected risk, and this risk.

    The run to come has the weight 1, and counts as missed.
    """
    missed = 1.0
    for first, runs in groupby(sorted(firsts, reverse=True), key=lambda each: each[0]):
        # A cut at this gap misses the runs with larger gaps; a smaller cut misses these runs too.
        more = missed + sum(weight for _, weight in runs)
        if first <= 0.0 or more / total > allowed:
            return max(first, 0.0), missed / total
        missed = more
    return 0.0, missed / total
