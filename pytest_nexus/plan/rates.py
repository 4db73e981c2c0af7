"""How often a test flakes, from counts: the posterior, and what a row of passes rules out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log, log1p
from typing import Final

from pytest_nexus.plan.beta import beta_quantile

PRIOR: Final = 0.5
"""Both parameters of the Beta prior: that of Jeffreys, which weighs as much as one run."""

MIN_PASSES: Final = 20
"""No test counts as recovered after fewer, however often it failed before."""

_TAIL: Final = 0.05
"""On either side of the interval; also the chance that a flake still there did not show."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How often a test flakes: a Beta posterior."""

    flake_runs: int
    runs: int
    """Runs in which it passed or flaked; one that it failed for good tells nothing about flakes."""
    mean: float
    """Expected share of runs that flake."""
    low: float
    """5 % quantile."""
    high: float
    """95 % quantile: with `low` the 90 % interval."""


def rate_of(flake_runs: int, runs: int) -> Rate:
    """Return the posterior of a flake rate: Beta(1/2 + k, 1/2 + n - k) for k flakes in n runs.

    Jeffreys' prior; its intervals have close to the coverage that they name, also for rates near
    0 (Brown, Cai and DasGupta, Interval Estimation for a Binomial Proportion, 2001).

    >>> rate = rate_of(7, 180)
    >>> round(rate.mean, 4), round(rate.low, 4), round(rate.high, 4)
    (0.0414, 0.0203, 0.0683)
    """
    a, b = PRIOR + flake_runs, PRIOR + runs - flake_runs
    return Rate(
        flake_runs, runs, a / (a + b), beta_quantile(_TAIL, a, b), beta_quantile(1 - _TAIL, a, b)
    )


def passes_needed(rate: float) -> int:
    """Return after how many passes in a row a flake of this rate would have shown with 95 %.

    The smallest n with (1 - rate)^n <= 5 %, at least `MIN_PASSES`.

    >>> passes_needed(0.5), passes_needed(0.05)
    (20, 59)
    """
    if rate >= 1:
        return MIN_PASSES
    return max(MIN_PASSES, ceil(log(_TAIL) / log1p(-rate)))


def highest_rate(passes: int) -> float:
    """Return the flake rate that so many passes, and no failure, rule out with 95 %.

    The exact one-sided bound of Clopper and Pearson: 1 - 0.05^(1/n); 1 for no passes.

    >>> round(highest_rate(40), 3)
    0.072
    """
    return 1 - _TAIL ** (1 / passes) if passes else 1.0
