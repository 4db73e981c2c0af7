"""Notice that runs take another time than before, whatever the reason.

The rank of a run among all runs before it says how unusual the run is. As long as nothing changes,
each rank is equally likely, whatever the distribution of the durations is: D. Volkhonskiy and
others, Inductive conformal martingales for change-point detection, COPA 2017. So bets on high or
low ranks gain nothing on average. A bet begins at each run. The sum of all bets is a
Shiryaev-Roberts e-detector: J. Shin, A. Ramdas, A. Rinaldo, E-detectors, New England Journal of
Statistics in Data Science 2, 2024. If runs may be exchanged with each other, a false alarm comes
after 3,000 runs or more on average.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.median import lower_median

if TYPE_CHECKING:
    from collections.abc import Sequence

LEAST_REFERENCE: Final = 10
"""Number of earlier runs without which no rank counts."""

ALARM: Final = 3000.0
"""Sum of the bets that counts as a change: one false alarm in as many runs at most."""

LEAST_CHANGE: Final = 1.05
"""Factor between two durations that is worth an experiment; smaller changes raise no alarm."""

_EVEN: Final = 1.0 + 1e-9
"""A capital that is no larger has won nothing; rounding aside."""

_STAKES: Final = (0.5, 1.0)
"""Parts of the capital that are bet on a rank."""

_POWERS: Final = (1, 3)
"""A bet wins by a power of the rank. The cube finds great changes, the rank itself small ones."""


class Regime(NamedTuple):
    """Runs take another time since some run."""

    at: int
    """Index of the run that raised the alarm."""
    since: int
    """Index of the first run after the change, as far as the bets tell."""
    before_s: float
    """Median of the runs before the change, in the unit of the values."""
    now_s: float
    """Median of the runs since."""


class _Bet(NamedTuple):
    total: float = 0.0
    """Sum of the capitals of the bets that began at each run."""
    best: float = 0.0
    """The largest of these capitals."""
    since: int = 0
    """The run at which the best bet began."""

    def after(self, won: float, at: int) -> _Bet:
        """Return the sum after a run that multiplies each capital by a factor."""
        best, since = (self.best, self.since) if self.best > _EVEN else (1.0, at)
        return _Bet((self.total + 1.0) * won, best * won, since)


def regime_change(values: Sequence[float]) -> Regime | None:
    """Return the first change of regime; None if there is none.

    Args:
        values: durations of runs in time order; the first 10 are only compared with.
    """
    bets = {kind: _Bet() for kind in _KINDS}
    known = sorted(values[:LEAST_REFERENCE])
    for at in range(LEAST_REFERENCE, len(values)):
        ranks = bisect_left(known, values[at]), bisect_right(known, values[at])
        bets = {kind: bet.after(_won(kind, ranks, at + 1), at) for kind, bet in bets.items()}
        insort(known, values[at])
        if sum(bet.total for bet in bets.values()) < ALARM * len(bets):
            continue
        since = max(bets.values()).since
        before_s, now_s = lower_median(values[:since]), lower_median(values[since : at + 1])
        if max(before_s, now_s) > LEAST_CHANGE * min(before_s, now_s):
            return Regime(at, since, before_s, now_s)
    return None


_KINDS: Final = tuple(
    (is_longer, power, stake)
    for is_longer in (True, False) for power in _POWERS for stake in _STAKES
)  # fmt: skip


def _won(kind: tuple[bool, int, float], ranks: tuple[int, int], n: int) -> float:
    """Return the factor of a capital after a run; its mean over all ranks is 1.

    Args:
        kind: whether the bet is on longer runs, the power, the stake.
        ranks: numbers of shorter runs, and of runs that are no longer; equal runs share their
            ranks.
        n: number of runs with this one.
    """
    is_longer, power, stake = kind
    places = range(ranks[0], ranks[1] + 1)
    heights = [(each + 0.5) / n if is_longer else 1.0 - (each + 0.5) / n for each in places]
    mean = 0.5 if power == 1 else 0.25 - 1.0 / (8.0 * n * n)
    return 1.0 - stake + stake * sum(each**power for each in heights) / len(heights) / mean
