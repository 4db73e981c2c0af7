"""Weigh the evidence that one model is better than another, as often as somebody looks."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

STAKES: Final = (0.5, 1.0, 2.0)
"""Shares of the capital that are bet on one run; each stake begins with an equal part."""
ERROR: Final = 0.05
"""Probability that a better incumbent is ever replaced, over the life of a history."""

_SAFE: Final = 0.95
"""Largest share of the capital that the greatest loss known may cost."""
_KNOWN_AFTER: Final = 10
"""After this number of runs, the greatest difference so far says what one run can cost."""
_LEAST_RANGE: Final = _SAFE / max(STAKES)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The capital of somebody who bets, run by run, that the challenger is better.

    Each stake s multiplies its part of the capital by `1 + s d` for a run with difference d. If the
    challenger is no better, the expected capital never grows. So the probability that it ever
    reaches c is at most 1 / c, however often somebody looks (J. Ville 1939; I. Waudby-Smith and
    A. Ramdas, Estimating means of bounded random variables by betting, JRSS B 2023).

    Differences are in [-1, 1]. A stake above 0.95 needs a smaller range: it is used after ten runs,
    and is lowered to 0.95 / (greatest difference so far). A part that loses more than it has is
    lost.

    >>> Evidence().after([0.1] * 40).odds > 20 > Evidence().after([0.1, -0.1] * 20).odds
    True
    """

    n: int = 0
    """Number of runs."""
    greatest: float = 0.0
    """Greatest absolute difference so far."""
    capital: tuple[float, ...] = (1 / len(STAKES),) * len(STAKES)
    """The parts of the capital, by stake; they begin with the sum 1."""

    @property
    def odds(self) -> float:
        """The whole capital: the evidence is this many to one."""
        return sum(self.capital)

    def after(self, differences: Iterable[float]) -> Evidence:
        """Return the evidence after more runs, each with challenger minus incumbent in [-1, 1]."""
        n, greatest, capital = self.n, self.greatest, list(self.capital)
        for difference in differences:
            bound = 1.0 if n < _KNOWN_AFTER else max(_LEAST_RANGE, greatest)
            limit = _SAFE / bound
            capital = [
                part * max(0.0, 1 + min(stake, limit) * difference)
                for stake, part in zip(STAKES, capital, strict=True)
            ]
            n, greatest = n + 1, max(greatest, abs(difference))
        return Evidence(n, greatest, tuple(capital))


def odds_needed(number: int) -> float:
    """Return the odds that replace the incumbent in a history's contest with a number from 1.

    Contest k may err with probability `0.05 * 6 / (pi^2 k^2)`. These add up to 0.05 over all k.

    >>> round(odds_needed(1)), round(odds_needed(2))
    (33, 132)
    """
    return pi**2 * number**2 / (6 * ERROR)
