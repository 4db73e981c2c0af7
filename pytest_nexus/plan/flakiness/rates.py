"""Compute how often a test flakes, from counts, and which rates its passes rule out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log, log1p, sqrt
from typing import Final

PRIOR: Final = 0.5
"""Both parameters of the Beta prior: Jeffreys' prior, which weighs as much as one run."""

MIN_PASSES: Final = 20
"""Minimum number of passes for a recovered test, however often it failed before."""

_TAIL: Final = 0.05
"""Probability on either side of the interval; also the chance that an existing flake did not
show."""

_Z: Final = 1.6448536269514722
"""The 95 % quantile of the standard normal distribution, with `_TAIL` above it."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How often a test flakes: the expected share of runs, and its 90 % interval."""

    flake_runs: int
    runs: int
    """Runs in which the test passed or flaked. Runs with a lasting failure say nothing about
    flakes."""
    mean: float
    """Expected share of runs that flake."""
    low: float
    """Lower end of the 90 % interval; 0 without a flake."""
    high: float
    """Upper end of the 90 % interval."""


def rate_of(flake_runs: int, runs: int) -> Rate:
    """Return the flake rate of a test with k flakes in n runs.

    The mean is that of Jeffreys' posterior, (k + 1/2) / (n + 1). The ends are those of the Wilson
    score interval,

        (k + z^2/2 -/+ z sqrt(k (n - k) / n + z^2/4)) / (n + z^2).

    Its coverage is close to 90 % also for rates near 0 (Brown, Cai and DasGupta, Interval
    Estimation for a Binomial Proportion, Statistical Science 16, 2001).

    >>> rate = rate_of(7, 180)
    >>> round(rate.mean, 4), round(rate.low, 4), round(rate.high, 4)
    (0.0414, 0.0212, 0.0702)
    """
    spread = flake_runs * (runs - flake_runs) / runs if runs else 0.0
    half = _Z * sqrt(spread + _Z**2 / 4)
    centre, weight = flake_runs + _Z**2 / 2, runs + _Z**2
    mean = (PRIOR + flake_runs) / (2 * PRIOR + runs)
    low, high = max(0.0, (centre - half) / weight), min(1.0, (centre + half) / weight)
    return Rate(flake_runs, runs, mean, low, high)


def passes_needed(rate: float) -> int:
    """Return the number of passes in a row that reveal a flake of this rate with 95 %.

    The smallest n with (1 - rate)^n <= 5 %, at least `MIN_PASSES`.

    >>> passes_needed(0.5), passes_needed(0.05)
    (20, 59)
    """
    if rate >= 1:
        return MIN_PASSES
    return max(MIN_PASSES, ceil(log(_TAIL) / log1p(-rate)))


def highest_rate(passes: int) -> float:
    """Return the flake rate that this many passes, without a failure, rule out with 95 %.

    The exact one-sided bound of Clopper and Pearson: 1 - 0.05^(1/n); 1 for no passes.

    >>> round(highest_rate(40), 3)
    0.072
    """
    return 1 - _TAIL ** (1 / passes) if passes else 1.0
