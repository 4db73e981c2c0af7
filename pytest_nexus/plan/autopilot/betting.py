"""Weigh evidence that a new value is better or worse, as often as somebody looks.

A coin of known probability decides which value a run gets. The score of a run is compared with
the coin. If the value changes nothing, no bet on the coin can be expected to win. The capital of
such bets reaches c with a probability of at most 1 / c, at whatever time somebody looks: J. Ville,
1939; I. Waudby-Smith and A. Ramdas, Estimating means of bounded random variables by betting, JRSS B
86, 2024; for experiments S. Howard and others, Time-uniform, nonparametric, nonasymptotic
confidence sequences, Annals of Statistics 49, 2021. Trends, outliers and long tails of the
durations make no difference, since only the coin is random.
"""

from __future__ import annotations

from math import exp, log
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.median import lower_median

if TYPE_CHECKING:
    from collections.abc import Sequence

STAKES: Final = (0.1, 0.25, 0.5, 0.75, 0.95)
"""Shares of the capital that are bet on a run; each begins with an equal part."""

WINDOW: Final = 30
"""Number of earlier runs that a duration is compared with."""

LEAST_EARLIER: Final = 3
"""Number of earlier runs without which a duration has no score."""

_TO_SIGMA: Final = 1.4826
"""Ratio of standard deviation and median deviation of a normal distribution."""

_WIDTH: Final = 2.0
"""Standard deviations from the median at which the score of a run is greatest."""

_LEAST_SPREAD: Final = 0.02
"""Durations that differ less, as logarithms, are as good as equal."""

_GRID: Final = tuple(step / 50 for step in range(-60, 61))
"""Effects, as differences of logarithms, among which an interval is searched."""


class Coin(NamedTuple):
    """Which value a run got, and with what probability it got the new one."""

    is_new: bool
    share: float

    @property
    def surprise(self) -> float:
        """The coin minus its mean, scaled into [-1, 1]."""
        return (self.is_new - self.share) / max(self.share, 1.0 - self.share)


def after(capital: Sequence[float], coin: Coin, score: float) -> tuple[float, ...]:
    """Return the parts of a capital after a bet that new values have higher scores.

    Args:
        capital: one part for each stake.
        coin: of the run.
        score: of the run, in [-1, 1]; computed from its figures and from earlier runs alone.
    """
    gain = coin.surprise * score
    return tuple(part * (1.0 + stake * gain) for stake, part in zip(STAKES, capital, strict=True))


def start() -> tuple[float, ...]:
    """Return the capital before the first bet; its sum is 1."""
    return (1.0 / len(STAKES),) * len(STAKES)


def relative_score(value: float, earlier: Sequence[float]) -> float:
    """Return how long a run was, compared with the runs before it; in [-1, 1].

    `clip((log v - median) / (2 s))` with the median and the robust standard deviation s of the
    logarithms of at most 30 earlier durations; 0 with fewer than 3 of them.

    >>> relative_score(100.0, [100.0, 101.0, 99.0]), relative_score(200.0, [100.0, 101.0, 99.0])
    (0.0, 1.0)
    """
    past = [log(max(each, 1e-6)) for each in earlier[-WINDOW:]]
    if len(past) < LEAST_EARLIER:
        return 0.0
    middle = lower_median(past)
    spread = max(_TO_SIGMA * lower_median([abs(each - middle) for each in past]), _LEAST_SPREAD)
    return min(1.0, max(-1.0, (log(max(value, 1e-6)) - middle) / (_WIDTH * spread)))


def effect_interval(
    values: Sequence[float], coins: Sequence[Coin], earlier: Sequence[float], odds: float
) -> tuple[float, float] | None:
    """Return the interval of the relative change that no look so far refutes; None if empty.

    An effect e is refuted if bets on either side reach the odds after the durations of new values
    were divided by exp(e). The interval covers the true factor at all times with a probability of
    at least 1 - 1 / odds, if the new value multiplies durations by a fixed factor.

    Args:
        values: durations of the runs in time order, above 0.
        coins: of the same runs.
        earlier: durations before the experiment, in time order.
        odds: such as 10 for 90 %.
    """
    kept = [effect for effect in _GRID if not _refuted(effect, values, coins, earlier, odds)]
    return (exp(kept[0]) - 1.0, exp(kept[-1]) - 1.0) if kept else None


def _refuted(
    effect: float,
    values: Sequence[float],
    coins: Sequence[Coin],
    earlier: Sequence[float],
    odds: float,
) -> bool:
    past = list(earlier[-WINDOW:])
    longer, shorter = start(), start()
    for value, coin in zip(values, coins, strict=True):
        adjusted = value / exp(effect) if coin.is_new else value
        score = relative_score(adjusted, past)
        longer, shorter = after(longer, coin, score), after(shorter, coin, -score)
        past.append(adjusted)
        if (sum(longer) + sum(shorter)) / 2 >= odds:
            return True
    return False
