"""Notice that runs take another time than before, whatever the reason.

Many bets begin, one at each run, that runs are longer (or shorter) than the reference says. Their
sum is a Shiryaev-Roberts e-detector: J. Shin, A. Ramdas, A. Rinaldo, E-detectors, New England
Journal of Statistics in Data Science 2, 2024. The reference is estimated from runs, so the bound on
false alarms is approximate here; docs/explanation/experiments.md has measured figures.
"""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.median import lower_median

if TYPE_CHECKING:
    from collections.abc import Sequence

REFERENCE: Final = 30
"""Number of runs that say how long runs usually are."""

_LEAST_REFERENCE: Final = 10
_ALARM: Final = 1000.0
"""Sum of the bets that counts as a change: about one false alarm in as many runs at most."""

_STAKE: Final = 0.9
_ALLOWED: Final = 0.35
"""Part of a standard deviation, twice, by which the reference may be wrong, as a score."""

_AT_REST: Final = 3.0
_TO_SIGMA: Final = 1.4826
_WIDTH: Final = 2.0
_LEAST_SPREAD: Final = 0.02


class Regime(NamedTuple):
    """Runs take another time since some run."""

    at: int
    """Index of the run that raised the alarm."""
    since: int
    """Index of the first run after the change, as far as the bets tell."""
    before_s: float
    """Median of the reference, in the unit of the values."""
    now_s: float
    """Median of the runs since."""


def regime_change(values: Sequence[float]) -> Regime | None:
    """Return the first change of regime; None if there is none.

    Args:
        values: durations of runs in time order; the first 30 are the reference, or the first 10 if
            there are fewer than 40.
    """
    n = min(REFERENCE, max(_LEAST_REFERENCE, len(values) - _LEAST_REFERENCE))
    if len(values) <= n:
        return None
    logs = [log(max(value, 1e-6)) for value in values]
    middle = lower_median(logs[:n])
    spread = lower_median([abs(each - middle) for each in logs[:n]])
    width = _WIDTH * max(_TO_SIGMA * spread, _LEAST_SPREAD)
    longer, shorter = (0.0, n), (0.0, n)
    for at in range(n, len(values)):
        score = (logs[at] - middle) / width
        longer = _detected(longer, score, at)
        shorter = _detected(shorter, -score, at)
        for total, since in (longer, shorter):
            if total >= _ALARM:
                now = lower_median(values[since : at + 1])
                return Regime(at, since, lower_median(values[:n]), now)
    return None


def _detected(state: tuple[float, int], score: float, at: int) -> tuple[float, int]:
    """Return the sum of all bets after a run, and the run since which it has been above its rest.

    The sum of bets that win and lose nothing comes to rest at about 2.
    """
    total, since = state
    if total < _AT_REST:
        since = at
    won = 1.0 + _STAKE * min(1.0, max(-1.0, score - _ALLOWED))
    return (total + 1.0) * max(won, 0.0), since
