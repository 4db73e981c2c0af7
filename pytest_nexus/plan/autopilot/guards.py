"""The figures that a tried setting may not worsen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.plan.autopilot.betting import WINDOW, Dealt, Memory, relative_score

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_nexus.plan.autopilot.ci_runs import CIRunFigures

TOLERANCE: Final = 1.05
"""The factor by which wall time may grow; smaller changes are within what runners differ."""

GUARD_ODDS: Final = 50.0
"""A guard breaks at this capital: each with a probability of at most 2 % if nothing changed."""

_UPPER: Final = 0.9
"""Long runs are those above this quantile of earlier runs: 95 % needs too many to be known."""

_LEAST_KNOWN: Final = 10
"""Earlier runs without which no quantile is known."""

_EXPECTED: Final = 0.1
"""Share of runs with an event, about; a centre costs nothing and saves bets without a purpose."""


class DealtRun(NamedTuple):
    """A run, which value it got, and its figures as bets compare them."""

    run: CIRunFigures
    is_new: bool
    goal: Dealt
    """The figure that is to fall."""
    cost: Dealt
    """The machine time; with the new value, divided by the factor by which it may grow."""


class Guard(NamedTuple):
    """A figure of runs that the new value may not worsen."""

    name: str
    """In words, for a sentence such as `wall p95 got worse`."""
    score: Callable[[DealtRun, Sequence[DealtRun], float, Memory], float]
    """From a run, the runs before it, the share of the new value, and the memory of the phase:
    how bad the run was, in [-1, 1]."""


def _long(dealt: DealtRun, earlier: Sequence[DealtRun], *_: object) -> float:
    past = sorted(each.run.wall_s for each in earlier[-WINDOW:])
    if len(past) < _LEAST_KNOWN:
        return 0.0
    wall_s = dealt.run.wall_s / TOLERANCE if dealt.is_new else dealt.run.wall_s
    return _event(wall_s > past[int(_UPPER * (len(past) - 1))])


def _dear(dealt: DealtRun, earlier: Sequence[DealtRun], share: float, memory: Memory) -> float:
    return relative_score(dealt.cost, [each.cost for each in earlier], share, memory)


def _event(happened: bool) -> float:  # noqa: FBT001 - a value
    return float(happened) - _EXPECTED


GUARDS: Final = (
    Guard("wall p95", _long),
    Guard("cost", _dear),
    Guard("miss rate", lambda dealt, *_: _event(dealt.run.has_missed)),
    Guard("flaky rate", lambda dealt, *_: _event(dealt.run.has_flaked)),
    Guard("rate of failed runs", lambda dealt, *_: _event(dealt.run.has_failed)),
    Guard("rate of unfinished runs", lambda dealt, *_: _event(not dealt.run.is_finished)),
)
