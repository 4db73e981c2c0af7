"""The facts of the section Selection: what was left out, and what that missed."""

from __future__ import annotations

from dataclasses import dataclass


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
