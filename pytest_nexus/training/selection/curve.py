"""Realise a promise out of sample: each cut is chosen on earlier runs, and applied to the next."""

from __future__ import annotations

from itertools import groupby
from sys import float_info
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.plan.selection.promise import Cut, TooLittle, choose_cut, n_needed
from pytest_nexus.plan.selection.shares import Share, of_counts
from pytest_nexus.training.selection.intervals import of_sums, of_tests

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_nexus.plan.selection.promise import FailingRun
    from pytest_nexus.training.selection.scored_runs import Foreseen

CONFIDENCES: Final = (0.90, 0.95, 0.98, 0.99, 0.995)

_LARGEST: Final = float_info.max
"""No gap but an infinite one is larger."""

EXPLORED: Final = 0.01
"""Share of the tests that could be left out and run all the same."""


class Realised(NamedTuple):
    """One run with the cut that the runs before it gave."""

    run: Foreseen
    cut: Cut | TooLittle

    @property
    def saved_s(self) -> float:
        """Seconds of the tests that never run.

        If the run is caught, the rest runs; only results that are reused save time then.
        """
        if isinstance(self.cut, TooLittle):
            return 0.0
        if self.n_first:
            return (1 - EXPLORED) * self.run.reused_s
        return (1 - EXPLORED) * (self.run.total_s - self.run.seconds_run(self.cut.gap))

    @property
    def n_caught(self) -> int:
        """Number of failing tests that run.

        If the run is caught, the rest runs, and so do all but those whose results are reused.
        """
        return len(self.run.failed) - self.run.n_failed_reused if self.n_first else 0

    @property
    def n_first(self) -> int:
        """Number of failing tests that run before the rest."""
        if isinstance(self.cut, TooLittle):
            return len(self.run.failed)
        return self.run.n_caught(self.cut.gap)


class Point(NamedTuple):
    """One confidence: what was promised, and what came of it in later runs."""

    confidence: float
    job: str | None
    """None for all jobs together."""
    n_runs: int
    """Runs for which the promise was possible, failing ones and the sample of the others."""
    n_failing_runs: int
    """The failing ones among them."""
    n_caught: int
    """Failing runs of which at least one failing test ran."""
    caught: Share | None
    tests_caught: Share | None
    """Share of the failing tests that ran, with the rest that runs after a failure."""
    tests_first: Share | None
    """Share of the failing tests that ran before the rest. Without a job for the rests of shards
    without a failure, a run of several shards lies between this share and `tests_caught`."""
    new_caught: Share | None
    """Caught among the failing runs of which no failing test runs in any case: it is new."""
    saved: Share | None
    """Share of the seconds of all runs."""
    saved_passing: Share | None
    """Share of the seconds of the passing runs."""
    n_too_little: int
    """Failing runs before the promise was possible; everything ran in them."""
    n_needed: int
    """Failing runs that this confidence needs."""

    @property
    def is_kept(self) -> bool | None:
        """Whether the interval reaches the promise; None if no failing run was judged."""
        return None if self.caught is None else self.caught.high >= self.confidence


def realised(
    runs: Iterable[Foreseen],
    confidence: float,
    before: Sequence[FailingRun] = (),
    *,
    is_combined: bool = False,
) -> list[Realised]:
    """Return each run with the cut that earlier runs gave.

    Runs that start at the same time do not know of each other.

    Args:
        runs: in time order.
        confidence: the promised share of failing runs.
        before: failing runs before all of these.
        is_combined: whether results are reused first, where a run knows what tests use. The cut is
            chosen on the runs without reuse, as in a session.
    """
    past = list(before)
    found = []
    for _, same in groupby(runs, key=lambda run: run.at):
        together = list(same)
        cut = choose_cut(past, confidence, together[0].at)
        found += [_combined(run, cut) if is_combined else Realised(run, cut) for run in together]
        past += [run.evidence for run in together if run.failed]
    return found


def _combined(run: Foreseen, cut: Cut | TooLittle) -> Realised:
    """Return a run in which results are reused first; no cut lets these tests run."""
    if isinstance(cut, Cut):
        cut = cut._replace(gap=min(cut.gap, _LARGEST))
    return Realised(run.combined or run, cut)


def combined_curve(
    runs: Sequence[Foreseen], confidences: Sequence[float] = CONFIDENCES
) -> list[Point]:
    """Return the points of `affected,confidence:P` over all jobs; none if no run is tracked."""
    if all(run.combined is None for run in runs):
        return []
    return [point(realised(runs, each, is_combined=True), each) for each in confidences]


def point(each: Sequence[Realised], confidence: float, job: str | None = None) -> Point:
    """Return what came of a promise, over all runs or those of one job."""
    own = [one for one in each if job is None or one.run.job == job]
    judged = [one for one in own if isinstance(one.cut, Cut)]
    failing = [one for one in judged if one.run.failed]
    n_caught = sum(one.n_caught > 0 for one in failing)
    new = [one for one in failing if one.run.is_new]
    return Point(
        confidence,
        job,
        len(judged),
        len(failing),
        n_caught,
        of_counts(n_caught, len(failing)),
        of_tests([(one.n_caught, len(one.run.failed)) for one in failing]),
        of_tests([(one.n_first, len(one.run.failed)) for one in failing]),
        of_counts(sum(one.n_caught > 0 for one in new), len(new)),
        of_sums([_seconds(one) for one in judged]),
        of_sums([_seconds(one) for one in judged if not one.run.failed]),
        sum(isinstance(one.cut, TooLittle) and bool(one.run.failed) for one in own),
        n_needed(confidence),
    )


def curve(runs: Sequence[Foreseen], confidences: Sequence[float] = CONFIDENCES) -> list[Point]:
    """Return the points of all confidences: first over all jobs, then of each job."""
    jobs = sorted({run.job for run in runs})
    shown = [None, *jobs] if len(jobs) > 1 else [None]
    found = []
    for confidence in confidences:
        each = realised(runs, confidence)
        found += [point(each, confidence, job) for job in shown]
    return found


def _seconds(one: Realised) -> tuple[float, float]:
    return one.run.weight * one.saved_s, one.run.weight * one.run.total_s
