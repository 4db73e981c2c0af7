"""Replay a history as `nexus select simulate` does, if that takes a few seconds only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.selection.promise import n_needed
from pytest_nexus.project import project_root
from pytest_nexus.report.facts.selection_section import ReplayedPoint
from pytest_nexus.training.selection.curve import CONFIDENCES, curve
from pytest_nexus.training.selection.past_runs import foreseen_runs, wanted_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_nexus.history.store import History
    from pytest_nexus.training.selection.curve import Point

MOST_RESULTS: Final = 200_000
"""Tests times runs of a history that is replayed without being asked: about three seconds."""


def replayed_selection(
    history: History, progress: Callable[[int, int], None]
) -> list[ReplayedPoint]:
    """Return the curve over all jobs; nothing if the history is large or has few failing runs.

    Args:
        history: open for reading.
        progress: receives the number of finished runs, and of all runs.
    """
    if history.is_slim or history.count_runs() * history.count_tests() > MOST_RESULTS:
        return []
    wanted = wanted_of(history)
    if len(wanted.failing) <= n_needed(CONFIDENCES[0]):
        return []
    runs = list(foreseen_runs(history, wanted, project_root(Path.cwd()), progress))
    return [_point(each) for each in curve(runs) if each.job is None]


def _point(each: Point) -> ReplayedPoint:
    caught, saved, passing = each.caught, each.saved, each.saved_passing
    return ReplayedPoint(
        confidence=each.confidence,
        n_failing_runs=each.n_failing_runs,
        n_needed=each.n_needed,
        caught=None if caught is None else caught.share,
        low=None if caught is None else caught.low,
        high=None if caught is None else caught.high,
        saved=None if saved is None else saved.share,
        saved_passing=None if passing is None else passing.share,
    )
