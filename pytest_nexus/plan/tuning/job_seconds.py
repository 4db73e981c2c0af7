"""Estimate how long one job takes with several worker processes, and beside other jobs. Pure."""

from __future__ import annotations

from heapq import heapify, heapreplace
from itertools import islice
from statistics import median
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.plan.insights.slower_tests import rank_z

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_nexus.plan.tuning.rounds import Round

_PLACED: Final = 4
"""Tests for each worker that are placed one by one; the others fill up what is left."""

_LEAST_ROUNDS: Final = 3
"""A number of jobs with fewer rounds says nothing about contention."""

_MOST_ROUNDS: Final = 30
"""Newest rounds of each number of jobs that are compared."""

_LEAST_Z: Final = 2.5
"""About 1 in 160 comparisons exceeds this where jobs do not disturb each other."""

_LEAST_CONTENTION: Final = 1.1
"""A smaller factor between the fewest and the most jobs moves no setting by itself."""


class Contention(NamedTuple):
    """How much longer tests take where more jobs run at the same time.

    The universal scalability law of N. Gunther, Guerrilla Capacity Planning, 2007, knows two kinds:
    jobs wait in turn for one resource, or every two jobs disturb each other.
    """

    fewest: int = 1
    """Number of jobs to which the factors relate; fewer jobs take as long."""
    most: int = 1
    """The largest number of jobs that was seen."""
    by_job: float = 0.0
    """Added for each further job, as a share."""
    by_pair: float = 0.0
    """Added for each further ordered pair of jobs, as a share."""

    def factor(self, jobs: int) -> float:
        """Return how many times as long tests take with some jobs as with the fewest.

        >>> Contention(1, 6, by_pair=0.1).factor(3)
        1.6
        """
        n, least = max(jobs, self.fewest), self.fewest
        return 1.0 + self.by_job * (n - least) + self.by_pair * (_pairs(n) - _pairs(least))


def contention_in(rounds: Sequence[Round]) -> Contention:
    """Return what rounds with different numbers of jobs say about contention.

    Two numbers of jobs cannot tell the two kinds apart. Then pairs are assumed, because that kind
    trusts numbers of jobs between the two, and distrusts larger ones.

    Args:
        rounds: in time order; those with other workers than the newest one are left out.
    """
    groups = _by_jobs([each for each in rounds if each.workers == rounds[-1].workers])
    if len(groups) < 2:
        return Contention()
    fewest, most = min(groups), max(groups)
    if rank_z(groups[fewest], groups[most]) < _LEAST_Z:
        return Contention()
    alone_s = median(groups[fewest])
    factors = {jobs: median(sums) / alone_s for jobs, sums in groups.items()}
    if factors[most] < _LEAST_CONTENTION:
        return Contention()
    by_pair = Contention(fewest, most, by_pair=_slope(factors, _pairs))
    by_job = Contention(fewest, most, by_job=_slope(factors, lambda jobs: jobs))
    return min(by_pair, by_job, key=lambda each: round(_error(factors, each), 9))


def _pairs(jobs: int) -> int:
    return jobs * (jobs - 1)


def _by_jobs(rounds: Sequence[Round]) -> dict[int, list[float]]:
    """Return the sums of the tests that all compared rounds ran, by number of jobs."""
    groups: dict[int, list[Round]] = {}
    for each in reversed(rounds):
        groups.setdefault(each.jobs, []).append(each)
    groups = {
        jobs: each[:_MOST_ROUNDS] for jobs, each in groups.items() if len(each) >= _LEAST_ROUNDS
    }
    every = [set(each.tests) for group in groups.values() for each in group]
    shared = set.intersection(*every) if every else set()
    if not shared:
        return {}
    return {jobs: [_sum_of(each, shared) for each in group] for jobs, group in groups.items()}


def _sum_of(each: Round, tests: set[int]) -> float:
    return sum(
        seconds for test, seconds in zip(each.tests, each.seconds, strict=True) if test in tests
    )


def _slope(factors: Mapping[int, float], size: Callable[[int], int]) -> float:
    """Return the least-squares slope of the factors through that of the fewest jobs; at least 0."""
    least = size(min(factors))
    steps = {jobs: size(jobs) - least for jobs in factors}
    products = sum(steps[jobs] * (factor - 1.0) for jobs, factor in factors.items())
    return max(0.0, products / sum(each * each for each in steps.values()))


def _error(factors: Mapping[int, float], found: Contention) -> float:
    return sum((found.factor(jobs) - factor) ** 2 for jobs, factor in factors.items())


def lane_s(seconds: Sequence[float], workers: int, cores: int, busy: float) -> float:
    """Return the seconds of a job's tests with some workers.

    The longest tests are placed one after the other on the worker that is free first (R. Graham,
    Bounds on multiprocessing timing anomalies, 1969), and all others fill the gaps. No job ends
    before its cores have done the processor seconds of its tests: the bound `busy * sum / cores`.

    Args:
        seconds: of each test, the longest first.
        workers: number of processes.
        cores: logical cores of the machine.
        busy: processor seconds for each second of a test.

    >>> lane_s([4.0, 2.0, 2.0], 2, 2, 1.0), lane_s([1.0] * 8, 8, 2, 1.0)
    (4.0, 4.0)
    """
    total = sum(seconds)
    if workers <= 1:
        return total
    ends = [0.0] * workers
    heapify(ends)
    for each in islice(seconds, _PLACED * workers):
        heapreplace(ends, ends[0] + each)
    return max(*ends, total / workers, busy * total / cores)


def start_s(alone_s: float, workers: int, cores: int) -> float:
    """Return the seconds of a job before its first test.

    Every worker starts and collects as the controller did before it, and the workers share the
    cores.

    >>> start_s(2.0, 1, 2), start_s(2.0, 4, 2)
    (2.0, 6.0)
    """
    return alone_s if workers <= 1 else alone_s * (1.0 + max(1.0, workers / cores))
