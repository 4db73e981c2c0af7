"""The figures of some rounds, and the goals that they serve. Pure."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_nexus.plan.tuning.rounds import Outcome

Goal = Literal["wall", "cost", "energy", "balanced"]
GOALS: Final[tuple[Goal, ...]] = ("wall", "cost", "energy", "balanced")


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that this share of the values does not exceed.

    >>> quantile([4.0, 1.0, 3.0, 2.0], 0.5), quantile([4.0, 1.0, 3.0, 2.0], 0.95)
    (2.0, 4.0)
    """
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def _wall_p50(rounds: Sequence[Outcome]) -> float:
    return quantile([each.wall_s for each in rounds], 0.5)


def _wall_p95(rounds: Sequence[Outcome]) -> float:
    return quantile([each.wall_s for each in rounds], 0.95)


FIGURES: Final[Mapping[str, Callable[[Sequence[Outcome]], float]]] = {
    "wall_p50_s": _wall_p50,
    "wall_p95_s": _wall_p95,
    "machine_minutes": lambda rounds: sum(each.machine_minutes for each in rounds) / len(rounds),
    "money": lambda rounds: sum(each.money for each in rounds) / len(rounds),
    "misses": lambda rounds: sum(each.misses for each in rounds),
    "energy_wh": lambda rounds: sum(each.energy_wh for each in rounds) / len(rounds),
}
"""Means are for one round; `misses` counts rounds."""


def wall_score(rounds: Sequence[Outcome]) -> float:
    """Return the mean of the median and the 95th percentile of the wall seconds."""
    walls = sorted(each.wall_s for each in rounds)
    return (quantile(walls, 0.5) + quantile(walls, 0.95)) / 2


SCORES: Final[Mapping[Goal, Callable[[Sequence[Outcome]], float]]] = {
    "wall": wall_score,
    "cost": FIGURES["money"],
    "energy": FIGURES["energy_wh"],
    "balanced": lambda rounds: sqrt(wall_score(rounds) * FIGURES["money"](rounds)),
}
"""By goal: what is to become small.

`balanced` is the geometric mean of time and money: one percent of either counts the same, whatever
the settings of today are.
"""
