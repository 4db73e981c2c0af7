"""How evenly workers end, in simulated time, when tests take longer or shorter than expected."""

from __future__ import annotations

from heapq import heapreplace
from random import Random
from statistics import mean
from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.dispatch.simulated_workers import simulate_workers
from pytest_nexus.plan.dispatch.units import Workload
from tests.benchmarks.duration_sets import duration_sets
from tests.benchmarks.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.duration_sets import DurationSet
    from tests.benchmarks.table import Cell

TITLE = "longest worker / lower bound and mean end of a test, in simulated runs"

N_WORKERS: Final = (2, 4, 8)
SIGMAS: Final = (0.0, 0.15, 0.3)
"""Standard deviation of the logarithm of what a test takes over what is expected of it."""


def measure(bench: Bench) -> list[Table]:
    """Run every set of durations, shortest first, with each way of dealing tests out."""
    sets = list(duration_sets())
    n_sets, n_seeds = bench.size(len(sets), 1), bench.size(10, 1)
    note = (
        "Each cell: seconds of the longest worker over max(longest test, total / N), and the mean"
        " end of a test as a share of the run; means over seeds. The plan is shortest first, as"
        " with tests that are equally likely to fail. All but nexus are list scheduling: each"
        " test goes to the worker that is free first."
    )
    return [
        Table(
            f"{each.name}: {len(each.durations_s):,} tests, {sum(each.durations_s):,.2f} s",
            [
                _row(each, n, sigma, n_seeds)
                for n in N_WORKERS[: bench.size(3, 1)]
                for sigma in SIGMAS[: bench.size(3, 2)]
            ],
            note if each is sets[0] else "",
        )
        for each in sets[:n_sets]
    ]


def _row(each: DurationSet, n_workers: int, sigma: float, n_seeds: int) -> Mapping[str, Cell]:
    expected = each.durations_s
    collected = range(len(expected))
    plan = sorted(collected, key=expected.__getitem__)
    found: dict[str, list[tuple[float, float]]] = {}
    for seed in range(n_seeds):
        random = Random(seed)
        real = [seconds * random.lognormvariate(0, sigma) for seconds in expected]
        ends = {
            "nexus": _dispatched(plan, expected, real, n_workers),
            "the plan alone": _listed(plan, real, n_workers),
            "longest first": _listed(plan[::-1], real, n_workers),
            "collection order": _listed(collected, real, n_workers),
        }
        bound = max(*real, sum(real) / n_workers)
        for name, ended in ends.items():
            found.setdefault(name, []).append((max(ended) / bound, mean(ended) / max(ended)))
    row: dict[str, Cell] = {"workers": n_workers, "sigma": f"{sigma:.2f}"}
    for name, pairs in found.items():
        ratio, end = (mean(column) for column in zip(*pairs, strict=True))
        row[name] = f"{ratio:.3f}, {end:.2f}"
    return row


def _dispatched(
    plan: Sequence[int], expected: Sequence[float], real: Sequence[float], n_workers: int
) -> list[float]:
    work = Workload(tuple(plan), tuple(expected))
    return list(simulate_workers(work, n_workers, real, latency_s=0.0).ended_s.values())


def _listed(order: Sequence[int], real: Sequence[float], n_workers: int) -> list[float]:
    free_at_s = [0.0] * n_workers
    ended = []
    for index in order:
        ended.append(free_at_s[0] + real[index])
        heapreplace(free_at_s, ended[-1])
    return ended
