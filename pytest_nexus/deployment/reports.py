"""Sum up what sessions reported about the models that are deployed in a region."""

from __future__ import annotations

from math import ceil
from statistics import fmean
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.history.queries.quality import QualityOfRun
    from pytest_nexus.plan.foreseen import NodeUse

NEWEST_RUNS: Final = 1000
"""Runs of the history that are looked at, the newest ones."""

_TESTS: Final = 10_000
_FEW_TESTS: Final = 1000
"""A smaller suite is not scaled to 10,000 tests: its time is mostly the start of the scoring."""


class Reported(NamedTuple):
    """What sessions in one region reported about one version."""

    version: str
    runs: int = 0
    nodes: int = 0
    """Different runners, as far as their names are known."""
    p50_ms: float | None = None
    p99_ms: float | None = None
    """Milliseconds of processor time for 10,000 tests; None without a report."""
    failing_runs: int = 0
    apfdc: float | None = None
    """Mean over the runs with a failure; None without one."""
    brier: float | None = None
    last_good: int = 0
    """Runs that could not ask the place, and used the last good model."""


def reports_of(
    runs: Sequence[QualityOfRun], region: str, version: str, since: float = 0.0
) -> list[QualityOfRun]:
    """Return the runs in a region that used a version.

    Args:
        runs: of the history, in time order.
        region: of the manifest.
        version: of the model.
        since: earliest start of a run, in seconds since the epoch.
    """
    return [
        run
        for run in runs
        if run.quality.node is not None
        and run.quality.node.origin.region == region
        and run.quality.model == version
        and run.started_at >= since
    ]


def summed(version: str, reports: Sequence[QualityOfRun]) -> Reported:
    """Return the sums over the reports about one version."""
    uses = [run.quality.node for run in reports if run.quality.node is not None]
    times = sorted(map(latency_of, uses))
    apfdc = [
        run.quality.apfdc
        for run in reports
        if run.quality.apfdc is not None and not run.is_mass_failure
    ]
    return Reported(
        version,
        len(reports),
        len({use.origin.node for use in uses if use.origin.node}),
        times[len(times) // 2] if times else None,
        times[ceil(0.99 * len(times)) - 1] if times else None,
        len(apfdc),
        fmean(apfdc) if apfdc else None,
        fmean(run.quality.brier for run in reports) if reports else None,
        sum(use.origin.got == "last good" for use in uses),
    )


def latency_of(use: NodeUse) -> float:
    """Return the milliseconds for 10,000 tests.

    >>> from pytest_nexus.plan.foreseen import NodeUse, Origin
    >>> [latency_of(NodeUse(Origin("", "", "fresh"), 2.0, n)) for n in (5, 5_000, 40_000)]
    [2.0, 4.0, 0.5]
    """
    return use.scoring_ms * (_TESTS / use.n_tests if use.n_tests >= _FEW_TESTS else 1.0)
