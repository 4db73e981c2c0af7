"""Simulate a past run with other shards, workers and order.

The plan uses only the knowledge from before the run; the times are the run's own durations. Tests
that share a set-up move together if their scopes are known; the first of them in each process pays
for the set-up.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum
from statistics import fmean
from typing import TYPE_CHECKING, Literal

from pytest_nexus.plan.blocks import lay_out
from pytest_nexus.plan.dispatch.simulated_workers import simulate_workers
from pytest_nexus.plan.dispatch.units import make_workload
from pytest_nexus.plan.make import PlanSettings, make_plan
from pytest_nexus.plan.setup_costs import charge, seconds_in
from pytest_nexus.plan.sharding.split import split

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pytest_nexus.domain.records import Change, CollectedTest, Plan, TestKey, TestStats
    from pytest_nexus.plan.make import Forecaster


@dataclass(frozen=True, slots=True)
class PastRun:
    """One past run, with the knowledge from before it."""

    tests: tuple[CollectedTest, ...]
    """Tests in the order in which they ran, which replaces the collection order."""
    durations_s: tuple[float, ...]
    """Seconds of each test."""
    failing: frozenset[int]
    """Indices of the tests that failed."""
    change: Change
    stats: Mapping[TestKey, TestStats]
    """Statistics in the history before the run."""
    setups_s: tuple[float, ...] = ()
    """Seconds of set-up of each test; empty if unknown."""

    def apart(self) -> tuple[list[float], Mapping[str, float]]:
        """Return each test's seconds without shared set-up, and each block's set-up seconds."""
        if not self.setups_s:
            return list(self.durations_s), {}
        found = charge(self.tests, self.setups_s.__getitem__, lay_out(self.tests))
        own = [
            max(0.0, seconds - found.paid_by.get(at, 0.0))
            for at, seconds in enumerate(self.durations_s)
        ]
        return own, found.by_block


@dataclass(frozen=True, slots=True)
class Setting:
    """A way in which a run could have been carried out."""

    shards: int = 1
    workers: int = 1
    """Number of workers in each shard; 1 is a single process."""
    order: Literal["risk", "off"] = "risk"


@dataclass(frozen=True, slots=True)
class Simulated:
    """The result of a simulated run."""

    makespan_s: float
    """Seconds until the last shard ends."""
    bound_s: float
    """Lower bound of every split: the longest test, or the total divided by all workers."""
    balance: float
    """Mean seconds of a worker divided by those of the busiest worker; 1 if all end together."""
    first_failure_s: float | None
    """Seconds until the first failing test has ended; None if none failed."""


def simulate(past: PastRun, setting: Setting, forecaster: Forecaster | None = None) -> Simulated:
    """Return the simulated result; shards start together, and cost nothing themselves."""
    settings = PlanSettings(order=setting.order)
    plan = make_plan(past.tests, past.stats, past.change, settings, forecaster)
    forecasts = [planned.forecast for planned in plan.tests]
    shards = split(past.tests, forecasts, plan.setups, setting.shards)
    own_s, setups = past.apart()
    ended: dict[int, float] = {}
    loads: list[float] = []
    for shard in range(1, setting.shards + 1):
        order = [index for index in plan.order if shards[index] == shard]
        true_s = seconds_in(order, past.tests, own_s, setups)
        shard_ended, shard_loads = _carried_out(past, plan, order, true_s, setting.workers)
        ended.update(shard_ended)
        loads += shard_loads
    total, makespan = fsum(past.durations_s), max(ended.values(), default=0.0)
    bound = max(total / len(loads), max(own_s, default=0.0))
    busiest = max(loads)
    return Simulated(
        makespan_s=makespan,
        bound_s=bound,
        balance=fmean(loads) / busiest if busiest > 0 else 1.0,
        first_failure_s=min((ended[index] for index in past.failing), default=None),
    )


def mean(results: Collection[Simulated]) -> Simulated:
    """Return the mean over runs; for the first failure, over the runs with a failure.

    >>> mean([Simulated(1.0, 1.0, 1.0, None), Simulated(3.0, 2.0, 0.5, 2.0)])
    Simulated(makespan_s=2.0, bound_s=1.5, balance=0.75, first_failure_s=2.0)
    """
    failures = [one.first_failure_s for one in results if one.first_failure_s is not None]
    return Simulated(
        makespan_s=fmean(one.makespan_s for one in results),
        bound_s=fmean(one.bound_s for one in results),
        balance=fmean(one.balance for one in results),
        first_failure_s=fmean(failures) if failures else None,
    )


def _carried_out(
    past: PastRun, plan: Plan, order: Sequence[int], true_s: Sequence[float], n_workers: int
) -> tuple[dict[int, float], list[float]]:
    """Return the end time of each test of a shard, and the seconds of each of its workers."""
    if n_workers == 1:
        return _in_a_row(true_s, order)
    expected = [planned.forecast.duration_s for planned in plan.tests]
    work = make_workload(past.tests, order, expected, plan.setups)
    rehearsal = simulate_workers(work, n_workers, true_s)
    loads: dict[str, float] = {}
    for index, worker in rehearsal.worker_of.items():
        loads[worker] = loads.get(worker, 0.0) + true_s[index]
    idle = [0.0] * (n_workers - len(loads))
    return dict(rehearsal.ended_s), [*loads.values(), *idle]


def _in_a_row(
    durations: Sequence[float], order: Sequence[int]
) -> tuple[dict[int, float], list[float]]:
    ended: dict[int, float] = {}
    elapsed = 0.0
    for index in order:
        elapsed += durations[index]
        ended[index] = elapsed
    return ended, [elapsed]
