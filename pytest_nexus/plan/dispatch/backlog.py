"""Hold the jobs that no worker has yet, to be taken by rank, as the longest, or the shortest."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from heapq import heapreplace
from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.dispatch.units import Unit
from pytest_nexus.plan.within_run.moving_queue import MovingQueue

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_nexus.plan.dispatch.units import Job

_GRAIN: Final = 128
"""A job is long if it takes more than 1/128 of the work of each worker. Shorter jobs may come in
any order: at the end they cost less than 1 % of the run."""

_PACKED: Final = 12
"""Long jobs per worker that are packed to estimate the end. The longest jobs divide least evenly.
With 4 jobs the workers end less evenly; with 24 the plan's order suffers more than that gains."""


class Backlog:
    """Jobs in the order of the plan; returned jobs stand at the front.

    Taking the first or the shortest job costs O(1), amortised. Taking a long job costs O(number of
    long jobs), which is at most 128 per worker.

    Args:
        jobs: in the order of the plan.
        seconds: expected seconds by collection index.
        n_workers: expected number of workers.
        ranks: rank of each job, which must not rise; empty if no job changes its rank.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        seconds: Sequence[float],
        n_workers: int,
        ranks: Sequence[float] = (),
    ) -> None:
        self._jobs = list(jobs)
        self._weights = [_weight(job, seconds) for job in jobs]
        self._taken = bytearray(len(jobs))
        self._waiting = len(jobs)
        self._n_planned = len(jobs)
        self._planned = MovingQueue(ranks or [0.0] * len(jobs))
        self._returned: deque[int] = deque()
        movable = [place for place, job in enumerate(jobs) if not _is_last(job)]
        self._ascending = sorted(movable, key=lambda place: (self._weights[place], -place))
        self._shortest = 0
        self._long_from_s = sum(self._weights) / max(n_workers, 1) / _GRAIN
        weighed = ((-self._weights[place], place) for place in movable)
        self._long = sorted(pair for pair in weighed if -pair[0] > self._long_from_s)
        self.long_s = -sum(weight for weight, _ in self._long)
        """Expected seconds of all long jobs."""

    def __len__(self) -> int:
        return self._waiting

    def first_weight(self) -> float:
        """Return the expected seconds of the plan's next job."""
        return self._weights[self._next()]

    def shortest_weight(self) -> float:
        """Return the expected seconds of the shortest job."""
        return self._weights[self._least()]

    def longest_weight(self) -> float:
        """Return an upper bound of the expected seconds of jobs, except those that stay last."""
        return -self._long[0][0] if self._long else self._long_from_s

    def pop_first(self) -> Job:
        """Take the plan's next job."""
        return self._take(self._next())

    def pop_shortest(self) -> Job:
        """Take the shortest job; among equally short jobs, the last one in the plan."""
        return self._take(self._least())

    def pop_longest(self) -> Job:
        """Take the longest job; the plan's next job if no job is longer."""
        place = self._next()
        if self._long and -self._long[0][0] > self._weights[place]:
            place = self._long[0][1]
        return self._take(place)

    def long_end(self, free_at_s: Sequence[float]) -> float:
        """Return when the workers finish the long jobs, if they run only these from now on.

        The longest 12 jobs per worker are packed by LPT: longest first, each to the worker that is
        free first (R. L. Graham, Bounds on multiprocessing timing anomalies, 1969). The result is
        at least the bound max over j of (j + 1) * d[j * N] after the first free worker, with d in
        descending order: one of N workers must do j + 1 of the first j * N + 1 jobs.

        Args:
            free_at_s: time at which each worker is free.
        """
        n_workers = len(free_at_s)
        every = range(0, len(self._long), n_workers)
        seconds = ((j + 1) * -self._long[k][0] for j, k in enumerate(every))
        longest = [-weight for weight, _ in self._long[: _PACKED * n_workers]]
        return max(_packed(longest, free_at_s), min(free_at_s) + max(seconds, default=0.0))

    def waits(self, place: int) -> bool:
        """Return whether no worker has had the planned job at a place."""
        return self._planned.has(place)

    def move(self, place: int, rank: float) -> None:
        """Give the planned job at a place another rank."""
        self._planned.move(place, rank)

    def give_back(self, jobs: Iterable[Job], seconds: Sequence[float]) -> None:
        """Put jobs at the front, in the order given."""
        places = [self._enter(job, seconds) for job in jobs]
        self._returned.extendleft(reversed(places))

    def append(self, jobs: Iterable[Job], seconds: Sequence[float]) -> None:
        """Put jobs that were not planned behind those that were returned, in the order given."""
        self._returned.extend([self._enter(job, seconds) for job in jobs])

    def _enter(self, job: Job, seconds: Sequence[float]) -> int:
        place = len(self._jobs)
        self._jobs.append(job)
        self._weights.append(_weight(job, seconds))
        self._taken.append(0)
        self._waiting += 1
        if self._weights[place] > self._long_from_s and not _is_last(job):
            insort(self._long, (-self._weights[place], place))
            self.long_s += self._weights[place]
        return place

    def _next(self) -> int:
        while self._returned:
            if not self._taken[self._returned[0]]:
                return self._returned[0]
            self._returned.popleft()
        return self._planned.first()

    def _least(self) -> int:
        """Return the place of the shortest job; a returned job is urgent and comes before it."""
        while self._shortest < len(self._ascending) and not self._returned:
            place = self._ascending[self._shortest]
            if not self._taken[place]:
                return place
            self._shortest += 1
        return self._next()

    def _take(self, place: int) -> Job:
        self._taken[place] = 1
        if place < self._n_planned:
            self._planned.take(place)
        self._waiting -= 1
        if self._weights[place] > self._long_from_s:
            pair = (-self._weights[place], place)
            found = bisect_left(self._long, pair)
            if found < len(self._long) and self._long[found] == pair:
                del self._long[found]
                self.long_s = self.long_s - self._weights[place] if self._long else 0.0
        return self._jobs[place]


def _packed(descending: Sequence[float], free_at_s: Sequence[float]) -> float:
    """Return when the last job is done, if each job goes to the worker that is free first.

    >>> _packed([3.0, 3.0, 2.0, 2.0, 2.0], [0.0, 0.0])
    7.0
    """
    free, last = sorted(free_at_s), 0.0
    for seconds in descending:
        end = free[0] + seconds
        last = max(last, end)
        heapreplace(free, end)
    return last


def _weight(job: Job, seconds: Sequence[float]) -> float:
    return job.seconds if isinstance(job, Unit) else seconds[job]


def _is_last(job: Job) -> bool:
    return isinstance(job, Unit) and job.is_last
