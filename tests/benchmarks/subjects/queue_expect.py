"""How evenly jobs end that join a shared queue one after another, with and without their number."""

from __future__ import annotations

from random import Random
from statistics import median
from typing import TYPE_CHECKING, Final

from tests.benchmarks.duration_sets import duration_sets
from tests.benchmarks.queue_simulation import late_lower_bound, queue_makespan
from tests.benchmarks.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.duration_sets import DurationSet
    from tests.benchmarks.table import Cell

TITLE = "jobs that join a queue one after another, with and without nexus_queue_expect"

_N_JOBS: Final = (4, 16)
_JOB_S: Final = (30.0, 120.0)
_SPREAD_S: Final = 5.0
"""The jobs join at random moments within these seconds."""
_SIGMA: Final = 0.3
"""Real durations are log-normal around the expected ones."""


def measure(bench: Bench) -> list[Table]:
    """Simulate runs in which the first job claims before the others have joined."""
    sets = list(duration_sets())[: bench.size(9, 1)]
    rows = [
        _row(each, n_jobs, job_s, bench.size(25, 3))
        for each in sets
        for n_jobs in _N_JOBS
        for job_s in _JOB_S
    ]
    note = (
        "Makespan over the lower bound, which knows when each runner joins: median, and the worst"
        f" in brackets. Jobs join within {_SPREAD_S:g} s, real durations are log-normal around the"
        f" expected ones (sigma {_SIGMA}), one runner has half the speed. `twice`: the number given"
        " is twice the number of jobs."
    )
    return [Table("simulated makespan over the lower bound, jobs that join late", rows, note)]


def _row(each: DurationSet, n_jobs: int, job_s: float, n_seeds: int) -> Mapping[str, Cell]:
    scale = job_s * n_jobs / sum(each.durations_s)
    expected_s = [seconds * scale for seconds in each.durations_s]
    given = {"unknown": 1, "given": n_jobs, "twice": 2 * n_jobs}
    ratios: dict[str, list[float]] = {name: [] for name in given}
    for seed in range(n_seeds):
        random = Random(seed)
        actual_s = [seconds * random.lognormvariate(0.0, _SIGMA) for seconds in expected_s]
        starts_s = [random.uniform(0.0, _SPREAD_S) for _ in range(n_jobs)]
        speeds = [1.0] * n_jobs
        speeds[random.randrange(n_jobs)] = 0.5
        bound = late_lower_bound(actual_s, speeds, starts_s)
        for name, number in given.items():
            ends_s = queue_makespan(expected_s, actual_s, speeds, starts_s, number)
            ratios[name].append(ends_s / bound)
    row: dict[str, Cell] = {"durations": f"{each.name}, N = {n_jobs}, {job_s:g} s a job"}
    return row | {name: f"{median(of):.2f} ({max(of):.2f})" for name, of in ratios.items()}
