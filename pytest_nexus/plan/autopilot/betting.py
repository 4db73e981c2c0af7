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

_LEAST_SPREAD: Final = 0.02
"""Durations that differ less, as logarithms, are as good as equal."""

_NEAR: Final = tuple(step / 50 for step in range(-30, 31))
_FAR: Final = tuple(step / 20 for step in range(13, 51))
_GRID: Final = tuple(sorted((*_NEAR, *_FAR, *(-each for each in _FAR))))
"""Effects, as differences of logarithms, among which an interval is searched: 0.08 to 12 times."""


class Memory(NamedTuple):
    """What the runs before a run say about it."""

    newest: int
    """Number of the newest runs of a value whose median says how long its runs are."""
    spread: int
    """Number of the newest runs that say how much durations differ by chance."""
    width: float
    """Standard deviations from the centre at which the score of a run is greatest."""


LONG: Final = Memory(15, 30, 2.0)
"""Finds small gains: for a trial."""

SHORT: Final = Memory(7, 15, 1.5)
"""Finds a loss soon, also one that began a few runs ago: for a watch."""


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


class Dealt(NamedTuple):
    """The duration of a run, and which value the run got."""

    log: float
    """Natural logarithm of the duration."""
    is_new: bool

    @classmethod
    def of(cls, duration: float, is_new: bool, allowed: float = 1.0) -> Dealt:  # noqa: FBT001 - a column
        """Return a run; with the new value, its duration is divided by the factor allowed."""
        return cls(log(max(duration / allowed if is_new else duration, 1e-6)), is_new)


def relative_score(
    run: Dealt, earlier: Sequence[Dealt], share: float, memory: Memory = LONG
) -> float:
    """Return how long a run was, compared with the runs before it; in [-1, 1].

    `clip((log v - c) / (w s))`, where c = (1 - p) m_new + p m_old, with the medians m of the newest
    earlier runs of each value. This centre gives runs of both values the same part in the
    evidence, whatever the share p is. s is the robust standard deviation about these medians, and
    w the width of the memory. With fewer than 3 earlier runs of one value, one median is that of
    all earlier runs, at most 30; with fewer than 3 earlier runs at all, the score is 0.

    >>> earlier = [Dealt.of(seconds, False) for seconds in (100.0, 101.0, 99.0)]
    >>> [relative_score(Dealt.of(seconds, True), earlier, 0.5) for seconds in (100.0, 200.0)]
    [0.0, 1.0]
    """
    past = earlier[-WINDOW:]
    if len(past) < LEAST_EARLIER:
        return 0.0
    new = [each for each, is_new in past if is_new][-memory.newest :]
    old = [each for each, is_new in past if not is_new][-memory.newest :]
    if len(new) < LEAST_EARLIER or len(old) < LEAST_EARLIER:
        centre = of_new = of_old = lower_median(each for each, _ in past)
    else:
        of_new, of_old = lower_median(new), lower_median(old)
        centre = (1.0 - share) * of_new + share * of_old
    rest = [abs(each - (of_new if is_new else of_old)) for each, is_new in past[-memory.spread :]]
    spread = max(_TO_SIGMA * lower_median(rest), _LEAST_SPREAD)
    return min(1.0, max(-1.0, (run.log - centre) / (memory.width * spread)))


def effect_interval(
    runs: Sequence[Dealt],
    earlier: Sequence[Dealt],
    share: float,
    odds: float,
    memory: Memory = LONG,
) -> tuple[float, float] | None:
    """Return the interval of the relative change that no look so far refutes; None if empty.

    An effect e is refuted if bets on either side reach the odds after the durations of new values
    were divided by exp(e). The interval covers the true factor at all times with a probability of
    at least 1 - 1 / odds, if the new value multiplies durations by a fixed factor.

    Args:
        runs: those of the experiment, in time order.
        earlier: those before, in time order.
        share: probability of the new value.
        odds: such as 10 for 90 %.
        memory: of the scores.
    """
    past = earlier[-WINDOW:]
    kept = [effect for effect in _GRID if not _refuted(effect, runs, past, share, odds, memory)]
    return (exp(kept[0]) - 1.0, exp(kept[-1]) - 1.0) if kept else None


def _refuted(
    effect: float,
    runs: Sequence[Dealt],
    earlier: Sequence[Dealt],
    share: float,
    odds: float,
    memory: Memory,
) -> bool:
    all_runs = [Dealt(each.log - effect * each.is_new, each.is_new) for each in (*earlier, *runs)]
    longer, shorter = start(), start()
    for at in range(len(earlier), len(all_runs)):
        run = all_runs[at]
        score = relative_score(run, all_runs[max(0, at - WINDOW) : at], share, memory)
        coin = Coin(run.is_new, share)
        longer, shorter = after(longer, coin, score), after(shorter, coin, -score)
        if (sum(longer) + sum(shorter)) / 2 >= odds:
            return True
    return False
