"""The probability that a change breaks a test at all, from the expected number of failures.

The sum of the probabilities of all tests is the expected number of failures. Tests fail together,
so this sum is no probability that any of them fails. A logistic regression on the logarithm of the
sum, over past runs, makes it one (J. Platt, Probabilistic outputs for support vector machines,
1999). It is judged on the last runs, by a fit to the runs before them.
"""

from __future__ import annotations

from math import exp, log
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

LEAST_RUNS: Final = 10
"""Failing runs, and passing runs, that a calibration needs."""

_LEARNED: Final = 0.6
"""Share of the runs, the first ones, that the judged calibration is fitted to."""

_STEPS: Final = 50
_PULL: Final = 1.0
"""Pull of the slope to 1, in runs: few runs change little."""
_FAR: Final = 30.0
_LEAST: Final = 1e-9
_MOST: Final = 1e6


class PastRun(NamedTuple):
    """A past run: what was expected of it, and what came of it."""

    expected: float
    """Expected number of failing tests, as known before the run."""
    failed: bool
    weight: float = 1.0
    """Number of runs that it represents."""


class Calibration(NamedTuple):
    """A logistic regression on the logarithm of the expected number of failures."""

    slope: float
    intercept: float
    n_runs: int
    n_failing: int
    brier: float
    """Mean squared error on the last runs, of a fit to the runs before them."""
    brier_of_base: float
    """The same of the share of failing runs among the runs before them."""

    def probability(self, expected: float) -> float:
        """Return the probability that at least one test fails."""
        return _probability(self.slope, self.intercept, _log(expected))


def calibrated(runs: Sequence[PastRun]) -> Calibration | None:
    """Return the calibration by past runs in time order; None if there are too few of them."""
    n_failing = sum(run.failed for run in runs)
    if min(n_failing, len(runs) - n_failing) < LEAST_RUNS:
        return None
    learned, judged = _parts(runs)
    slope, intercept = _fit(learned)
    base = _mean([(float(run.failed), run.weight) for run in learned])
    return Calibration(
        *_fit(runs),
        len(runs),
        n_failing,
        _brier(judged, [_probability(slope, intercept, _log(run.expected)) for run in judged]),
        _brier(judged, [base] * len(judged)),
    )


def _parts(runs: Sequence[PastRun]) -> tuple[Sequence[PastRun], Sequence[PastRun]]:
    at = round(_LEARNED * len(runs))
    return runs[:at], runs[at:]


def _fit(runs: Sequence[PastRun]) -> tuple[float, float]:
    """Return slope and intercept of the largest likelihood, by Newton's method."""
    slope, intercept = 1.0, 0.0
    points = [(_log(run.expected), float(run.failed), run.weight) for run in runs]
    for _ in range(_STEPS):
        by_slope, by_intercept = -_PULL * (slope - 1.0), -_LEAST * intercept
        of_slope, of_both, of_intercept = _PULL, 0.0, _LEAST
        for x, y, weight in points:
            p = _probability(slope, intercept, x)
            change, bend = weight * (y - p), weight * p * (1.0 - p)
            by_slope, by_intercept = by_slope + change * x, by_intercept + change
            of_slope, of_both = of_slope + bend * x * x, of_both + bend * x
            of_intercept += bend
        area = of_slope * of_intercept - of_both * of_both
        if area <= _LEAST:
            break
        step = (of_intercept * by_slope - of_both * by_intercept) / area
        move = (of_slope * by_intercept - of_both * by_slope) / area
        slope, intercept = slope + _bounded(step), intercept + _bounded(move)
        if abs(step) + abs(move) < _LEAST:
            break
    return max(slope, 0.0), intercept


def _bounded(step: float) -> float:
    return max(-1.0, min(1.0, step))


def _probability(slope: float, intercept: float, x: float) -> float:
    return 1.0 / (1.0 + exp(-max(-_FAR, min(_FAR, slope * x + intercept))))


def _log(expected: float) -> float:
    return log(min(max(expected, _LEAST), _MOST))


def _brier(runs: Sequence[PastRun], found: Sequence[float]) -> float:
    return _mean([((p - run.failed) ** 2, run.weight) for p, run in zip(found, runs, strict=True)])


def _mean(weighted: Sequence[tuple[float, float]]) -> float:
    return sum(value * weight for value, weight in weighted) / sum(weight for _, weight in weighted)
