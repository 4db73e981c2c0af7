"""Measure how little of a run's expected failures a test and all less likely tests carry."""

from __future__ import annotations

from math import isnan, log
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_LEAST: Final = 1e-12
"""Probabilities closer to 0 or 1 count as this close, so that every gap is finite."""

_DIGITS: Final = 9
"""Digits of the log odds. Tests that differ by rounding alone are equally likely to fail."""


def gaps(probabilities: Sequence[float]) -> list[float]:
    """Return for each test the gap between all expected failures and those from the test on down.

    The tail of a test is the sum of the probabilities of all tests that are no likelier to fail.
    The gap is the logarithm of the whole sum over the tail. So a cut at `log(50)` leaves out the
    least likely tests, as long as they carry less than a fiftieth of the expected failures.

    Probabilities mean different things in different projects, and some runs have a likely failure
    where others have none. Shares of one run's expected failures compare better than probabilities,
    or than odds below those of the likeliest test. Equally likely tests have the same gap. A
    number that is no probability has the gap 0: a test is not left out because its forecast is
    broken.

    Args:
        probabilities: of a failure, one for each test of the run.

    >>> [round(gap, 2) for gap in gaps([0.5, 0.1, 0.01])]
    [0.0, 1.71, 4.11]
    """
    odds = [None if isnan(p) else round(_log_odds(p), _DIGITS) for p in probabilities]
    sums: dict[float, float] = {}
    for one, p in zip(odds, probabilities, strict=True):
        if one is not None:
            sums[one] = sums.get(one, 0.0) + _bounded(p)
    tails, tail = {}, 0.0
    for one in sorted(sums):
        tail += sums[one]
        tails[one] = tail
    return [0.0 if one is None else log(tail / tails[one]) for one in odds]


def _log_odds(probability: float) -> float:
    bounded = _bounded(probability)
    return log(bounded) - log(1.0 - bounded)


def _bounded(probability: float) -> float:
    return min(max(probability, _LEAST), 1.0 - _LEAST)
