"""The facts of the section Selection: what was left out, and what that missed."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Final

from pytest_nexus.record.limited_by import HOOK, REUSE
from pytest_nexus.report.facts.now_section import SELECTION

if TYPE_CHECKING:
    from pytest_nexus.history.sqlite.quality_table import RunQuality
    from pytest_nexus.history.sqlite.runs import RunSummary
    from pytest_nexus.report.facts.sources import Sources

BUDGETS: Final = (0.05, 0.1, 0.2, 0.5)
"""Shares of the seconds in `RunQuality.budgets`."""

_MODES: Final = {SELECTION: "confidence", REUSE: "affected", HOOK: "hook"}
_MOST_RUNS: Final = 200
_NOTHING: Final = (
    "No run has left tests out, and no failing run has a prediction yet: run pytest with --nexus."
)


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What a share of the seconds would have caught in past failing runs."""

    share_of_time: float
    caught: float
    """Share of the failing runs of which at least one failure is found."""
    n_failing_runs: int


@dataclass(frozen=True, slots=True)
class SelectionRun:
    """One run that left tests out."""

    run_uid: str
    at: float
    mode: str
    """`affected`, `confidence`, `budget` or `hook`, with ` (shadow)` if all tests ran in fact."""
    n_selected: int
    n_left: int
    n_missed: int
    saved_s: float


@dataclass(frozen=True, slots=True)
class SelectionFacts:
    """The section Selection."""

    state: str
    """`on`, `shadow` or `off`."""
    why: str
    curve: tuple[CurvePoint, ...]
    runs: tuple[SelectionRun, ...]
    """Oldest first."""
    promised: float | None
    """Largest share of failing runs that may be missed, as promised; None without a promise."""
    missed: float | None
    """Share of failing runs that were missed, as far as known; None if unknown."""
    n_failing_runs: int
    """Failing runs behind `missed`."""
    note: str
    """What is missing, and how to get it; empty if nothing is missing."""


def selection_facts(sources: Sources) -> SelectionFacts:
    """Return the facts of the section."""
    qualities = {each.run_uid: each.quality for each in sources.qualities}
    failing = [each for each in qualities.values() if each.budgets]
    curve = [
        CurvePoint(share, fmean(each.budgets[at][1] > 0 for each in failing), len(failing))
        for at, share in enumerate(BUDGETS)
        if failing
    ]
    runs = [
        _run(each, qualities[each.run.run_uid], mode)
        for each in reversed(sources.runs)
        if each.run.run_uid in qualities and (mode := _mode(each))
    ]
    return SelectionFacts(
        state="on" if runs else "off",
        why="",
        curve=tuple(curve),
        runs=tuple(runs[-_MOST_RUNS:]),
        promised=None,
        missed=None,
        n_failing_runs=0,
        note="" if curve or runs else _NOTHING,
    )


def _mode(each: RunSummary) -> str:
    """Return what left tests out of a run; empty if nothing did."""
    return next((mode for name, mode in _MODES.items() if name in each.run.selected_by), "")


def _run(each: RunSummary, quality: RunQuality, mode: str) -> SelectionRun:
    return SelectionRun(
        run_uid=each.run.run_uid,
        at=each.run.started_at,
        mode=mode,
        n_selected=quality.n_selected,
        n_left=quality.n_left,
        n_missed=quality.n_missed,
        saved_s=quality.left_s,
    )
