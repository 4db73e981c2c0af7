"""The facts of the section Selection: what was left out, what was promised, what was missed."""

from __future__ import annotations

from dataclasses import dataclass
from math import isinf
from statistics import fmean
from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.selection.shares import of_counts
from pytest_nexus.record.limited_by import HOOK, REUSE
from pytest_nexus.report.facts.now_section import SELECTION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_nexus.history.queries.selection import SelectedRun
    from pytest_nexus.history.sqlite.quality_table import RunQuality
    from pytest_nexus.history.sqlite.runs import RunSummary
    from pytest_nexus.history.sqlite.selection_tables import StoredCut
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
class ReplayedPoint:
    """What a promise would have saved and caught in past runs, as `nexus select simulate` says."""

    confidence: float
    n_failing_runs: int
    """Failing runs for which the promise was possible; earlier runs gave each cut."""
    n_needed: int
    """Failing runs that the promise needs as evidence."""
    caught: float | None
    low: float | None
    """The 95 % interval of `caught`."""
    high: float | None
    saved: float | None
    """Share of the seconds of all runs."""
    saved_passing: float | None
    """Share of the seconds of the passing runs."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What the stored evidence allows to promise, as `nexus select status` says."""

    confidence: float
    """Share of the failing runs in which a failing test runs."""
    leaves_out: bool
    """Whether the cut leaves any test out; without enough evidence all tests run."""
    n_failing_runs: int
    n_needed: int
    """Failing runs that the confidence needs; 0 if none are enough."""
    expires_at: float


@dataclass(frozen=True, slots=True)
class Realised:
    """What all failing runs up to one of them say about misses."""

    at: float
    n_failing_runs: int
    n_missed: int
    missed: float
    low: float
    """The 95 % interval of `missed`."""
    high: float
    promised: float | None
    """Largest share that the newest of these runs promised to miss; None without a promise."""


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
    replayed: tuple[ReplayedPoint, ...]
    """Empty if the replay was not asked for, or the history has no failing run."""
    promises: tuple[Promise, ...]
    """The least confident first; empty if no training stored any."""
    realised: tuple[Realised, ...]
    """Oldest first, over all runs of the history in which all tests ran."""
    runs: tuple[SelectionRun, ...]
    """Oldest first."""
    promised: float | None
    """Largest share of failing runs that may be missed, as the newest run with a promise said."""
    missed: float | None
    """Share of failing runs that were missed, as far as known; None if unknown."""
    missed_low: float | None
    """The 95 % interval of `missed`."""
    missed_high: float | None
    n_failing_runs: int
    """Failing runs behind `missed`."""
    note: str
    """What is missing, and how to get it; empty if nothing is missing."""


def selection_facts(sources: Sources, replayed: Sequence[ReplayedPoint] = ()) -> SelectionFacts:
    """Return the facts of the section.

    Args:
        sources: what was read from the history.
        replayed: the curve of a replay; a replay takes too long to belong to every page.
    """
    stored = sources.history.selection
    selected, cuts, state = stored.runs(), stored.cuts(), stored.state()
    qualities = {each.run_uid: each.quality for each in sources.qualities}
    curve, runs = _curve(qualities), tuple(_runs(sources, qualities, selected))
    realised = tuple(_realised(selected))
    last = realised[-1] if realised else None
    return SelectionFacts(
        state=state.mode if selected or cuts or state.since else "on" if runs else "off",
        why=state.why,
        curve=curve,
        replayed=tuple(replayed),
        promises=tuple(map(_promise, cuts)),
        realised=realised[-_MOST_RUNS:],
        runs=runs[-_MOST_RUNS:],
        promised=next(filter(None, (_promised(each) for each in reversed(selected))), None),
        missed=None if last is None else last.missed,
        missed_low=None if last is None else last.low,
        missed_high=None if last is None else last.high,
        n_failing_runs=0 if last is None else last.n_failing_runs,
        note="" if curve or runs else _NOTHING,
    )


def _curve(qualities: Mapping[str, RunQuality]) -> tuple[CurvePoint, ...]:
    failing = [each for each in qualities.values() if each.budgets]
    return tuple(
        CurvePoint(share, fmean(each.budgets[at][1] > 0 for each in failing), len(failing))
        for at, share in enumerate(BUDGETS)
        if failing
    )


def _promise(cut: StoredCut) -> Promise:
    return Promise(
        confidence=cut.confidence,
        leaves_out=cut.gap is not None and not isinf(cut.gap),
        n_failing_runs=cut.n_failing_runs,
        n_needed=cut.n_needed,
        expires_at=cut.expires_at,
    )


def _promised(each: SelectedRun) -> float | None:
    return None if each.confidence is None else 1.0 - each.confidence


def _realised(selected: Sequence[SelectedRun]) -> Iterator[Realised]:
    """Yield the share of missed runs after each failing run that shows misses."""
    n_missed, promised = 0, None
    checks = [each for each in selected if each.is_check]
    for n, each in enumerate(checks, start=1):
        n_missed += each.is_missed
        promised = _promised(each) or promised
        share = of_counts(n_missed, n)
        assert share is not None, "there is a run"
        yield Realised(each.started_at, n, n_missed, *share, promised)


def _runs(
    sources: Sources, qualities: Mapping[str, RunQuality], selected: Sequence[SelectedRun]
) -> Iterator[SelectionRun]:
    """Yield the runs that left tests out, or would have, the oldest first."""
    by_uid = {each.run_uid: each for each in selected}
    for each in reversed(sources.runs):
        uid = each.run.run_uid
        known, quality, mode = by_uid.get(uid), qualities.get(uid), _mode(each)
        if known is not None:
            yield _selected(known, each)
        elif quality is not None and mode:
            yield SelectionRun(
                run_uid=uid,
                at=each.run.started_at,
                mode=mode,
                n_selected=quality.n_selected,
                n_left=quality.n_left,
                n_missed=quality.n_missed,
                saved_s=quality.left_s,
            )


def _selected(known: SelectedRun, each: RunSummary) -> SelectionRun:
    word = "budget" if known.confidence is None else "confidence"
    return SelectionRun(
        run_uid=known.run_uid,
        at=known.started_at,
        mode=f"{word} (shadow)" if known.mode == "shadow" else word,
        n_selected=each.run.n_selected or 0,
        n_left=known.n_left,
        n_missed=known.n_missed,
        saved_s=known.left_s,
    )


def _mode(each: RunSummary) -> str:
    """Return what left tests out of a run; empty if nothing did."""
    return next((mode for name, mode in _MODES.items() if name in each.run.selected_by), "")
