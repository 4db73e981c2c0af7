"""Measure how much less likely each test fails than the likeliest test of the run."""

from __future__ import annotations

from math import isnan, log
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_LEAST: Final = 1e-12
"""Probabilities closer to 0 or 1 count as this close, so that every gap is finite."""


def gaps(probabilities: Sequence[float]) -> list[float]:
    """Return for each test the best log odds of the run minus its own log odds.

    Absolute probabilities mean different things in different projects. Gaps compare the tests of
    one run with each other, and transfer better. A number that is no probability has the gap 0: a
    test is not left out because its forecast is broken.

    Args:
        probabilities: of a failure, one for each test of the run.

    >>> [round(gap, 2) for gap in gaps([0.5, 0.1, 0.01])]
    [0.0, 2.2, 4.6]
    """
    odds = [None if isnan(p) else _log_odds(p) for p in probabilities]
    best = max((one for one in odds if one is not None), default=0.0)
    return [0.0 if one is None else best - one for one in odds]


def _log_odds(probability: float) -> float:
    bounded = min(max(probability, _LEAST), 1.0 - _LEAST)
    return log(bounded) - log(1.0 - bounded)
