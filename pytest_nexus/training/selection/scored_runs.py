"""What a selection knew before a past run, and what came of the run."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from itertools import compress
from math import inf
from operator import and_
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.plan.selection.promise import FailingRun
from pytest_nexus.predictor.schema import NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.predictor.features.rows import Row
    from pytest_nexus.predictor.model.model import Model

_IS_NEW: Final = NAMES.index("is_new")
_SINCE_FAILURE: Final = NAMES.index("since_failure")
_FILE_CHANGED: Final = NAMES.index("file_changed")


class Foreseen(NamedTuple):
    """One past run, with the gap of each test as it was known before the run."""

    run_uid: str
    at: float
    """When the run started."""
    job: str
    """Name of the CI job; empty outside CI."""
    failed: tuple[float, ...]
    """Gap of each failing test."""
    gaps: array[float]
    """Gaps of all tests, the smallest first."""
    seconds: array[float]
    """Real seconds of the tests up to each gap."""
    weight: float = 1.0
    """Number of runs that this run represents."""
    expected: float = 0.0
    """Expected number of failing tests."""
    is_new: bool = False
    """Whether tests failed, and none of them runs in any case."""
    reused_s: float = 0.0
    """Real seconds of the tests whose results are reused. Their gaps are infinite."""
    n_failed_reused: int = 0
    """Number of failing tests among them."""
    combined: Foreseen | None = None
    """The same run if results are reused first; None if the run does not know what tests use."""

    @property
    def evidence(self) -> FailingRun:
        """The run as evidence for a cut; only for a run with a failing test."""
        return FailingRun(self.at, min(self.failed), self.failed)

    @property
    def total_s(self) -> float:
        """Seconds of all tests."""
        return self.seconds[-1] if self.seconds else 0.0

    def n_run(self, cut: float) -> int:
        """Return how many tests run with a cut."""
        return bisect_right(self.gaps, cut)

    def seconds_run(self, cut: float) -> float:
        """Return the seconds of the tests that run with a cut."""
        n_run = self.n_run(cut)
        return self.seconds[n_run - 1] if n_run else 0.0

    def n_caught(self, cut: float) -> int:
        """Return how many failing tests run with a cut."""
        return sum(gap <= cut for gap in self.failed)


class ScoredTests(NamedTuple):
    """The tests of a run, in one order."""

    gaps: Sequence[float]
    """Of each test, by its forecast alone."""
    always: Sequence[bool]
    """Whether each test runs in any case."""
    failed: Sequence[bool]
    seconds: Sequence[float]
    """Real seconds of each test."""


class Named(NamedTuple):
    """Which run is foreseen."""

    run_uid: str
    at: float
    job: str = ""


def foreseen(
    run: Named,
    gaps_alone: Sequence[float],
    always: Sequence[bool],
    failed: Sequence[bool],
    seconds: Sequence[float],
    weight: float = 1.0,
) -> Foreseen:
    """Return a run for a simulation.

    Args:
        run: its name.
        gaps_alone: of each test, by its forecast alone.
        always: whether each test runs in any case; its gap is 0 then.
        failed: whether each test failed.
        seconds: real seconds of each test.
        weight: see `Foreseen`.
    """
    own_gaps = [0.0 if sure else gap for gap, sure in zip(gaps_alone, always, strict=True)]
    order = sorted(range(len(own_gaps)), key=own_gaps.__getitem__)
    total, so_far = 0.0, array("d")
    for at in order:
        total += seconds[at]
        so_far.append(total)
    return Foreseen(
        *run,
        tuple(sorted(gap for gap, bad in zip(own_gaps, failed, strict=True) if bad)),
        array("d", [own_gaps[at] for at in order]),
        so_far,
        weight,
        is_new=any(failed) and not any(map(and_, failed, always)),
    )


def with_reused(run: Foreseen, reused: Sequence[bool], tests: ScoredTests) -> Foreseen:
    """Return a run together with the same run in which the results of some tests are reused first.

    Tests that run in any case are not reused.

    Args:
        run: without reuse.
        reused: whether each test had passed with all that it uses.
        tests: of the run.
    """
    out = [known and not sure for known, sure in zip(reused, tests.always, strict=True)]
    gaps = [inf if spared else gap for spared, gap in zip(out, tests.gaps, strict=True)]
    named = Named(run.run_uid, run.at, run.job)
    combined = foreseen(named, gaps, tests.always, tests.failed, tests.seconds, run.weight)
    combined = combined._replace(
        reused_s=sum(compress(tests.seconds, out)), n_failed_reused=sum(compress(tests.failed, out))
    )
    return run._replace(combined=combined)


def probabilities_of(model: Model, rows: Sequence[Row]) -> list[float]:
    """Return the probability of each test that it fails."""
    return [model.probability(score) for score in model.scores(rows)]


def always_runs(row: Row) -> bool:
    """Return whether a test is new, failed last, or lies in a changed file."""
    return bool(row[_IS_NEW] or row[_FILE_CHANGED]) or row[_SINCE_FAILURE] == 0.0
