"""Simulate the jobs of a shared queue, with the product's own batches and order of claims."""

from __future__ import annotations

from bisect import bisect_left
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.shared_queue.batches import aim_of, batch_size
from pytest_nexus.plan.shared_queue.work import QueueState

if TYPE_CHECKING:
    from collections.abc import Sequence

CLAIM_S: Final = 0.02
"""Seconds of one claim, a network between job and database included."""

JOIN_S: Final = 0.05
"""Seconds between two jobs that join."""


class SimulatedQueue:
    """The free units of a run, claimed as `SqlQueue.claim` does.

    Args:
        expected_s: expected seconds of each unit, in the order of the plan.
        n_jobs: that run at once.
    """

    def __init__(self, expected_s: Sequence[float], n_jobs: int) -> None:
        self._expected_s = expected_s
        self._n_jobs = n_jobs
        self._free = dict.fromkeys(range(len(expected_s)))
        self._by_length = sorted((seconds, -unit) for unit, seconds in enumerate(expected_s))
        self._free_s = sum(expected_s)

    def learn(self, n_jobs: int) -> None:
        """Note the number of jobs, as the queue knows it when one of them joins."""
        self._n_jobs = n_jobs

    def claim(self) -> list[int]:
        """Return the units of the next batch."""
        if not self._free:
            return []
        longest_s = self._by_length[-1][0]
        state = QueueState(len(self._free), self._free_s, longest_s, n_workers=self._n_jobs)
        aim = aim_of(state)
        if longest_s >= aim.long_s:
            return self._taken([-self._by_length[-1][1]])
        first = [unit for unit, _ in zip(self._free, range(aim.n_units), strict=False)]
        seconds = [self._expected_s[unit] for unit in first]
        return self._taken(first[: batch_size(seconds, [0] * len(first), aim)])

    def _taken(self, units: list[int]) -> list[int]:
        for unit in units:
            del self._free[unit]
            self._free_s -= self._expected_s[unit]
            pair = (self._expected_s[unit], -unit)
            del self._by_length[bisect_left(self._by_length, pair)]
        return units


def queue_makespan(
    expected_s: Sequence[float],
    actual_s: Sequence[float],
    speeds: Sequence[float],
    starts_s: Sequence[float] = (),
    n_expected: int = 0,
) -> float:
    """Return when the last job ends.

    Args:
        expected_s: of each unit, in the order of the plan.
        actual_s: of each unit, on a runner of speed 1.
        speeds: of the runners.
        starts_s: when each runner joins; empty if they join at once.
        n_expected: jobs that each claim assumes at least; 0 if every job knows their number.
    """
    queue = SimulatedQueue(expected_s, len(speeds))
    starts_s = starts_s or [JOIN_S * number for number in range(len(speeds))]
    agenda = sorted(zip(starts_s, range(len(speeds)), strict=True))
    last, joined = 0.0, set()
    while agenda:
        now, number = heappop(agenda)
        last = max(last, now)
        joined.add(number)
        if n_expected:
            queue.learn(max(len(joined), n_expected))
        batch = queue.claim()
        if batch:
            spent_s = sum(actual_s[unit] for unit in batch) / speeds[number]
            heappush(agenda, (now + CLAIM_S + spent_s, number))
    return last


def lower_bound(actual_s: Sequence[float], speeds: Sequence[float]) -> float:
    """Return the time that no schedule beats: all work at full speed, or the longest unit."""
    return max(sum(actual_s) / sum(speeds), max(actual_s) / max(speeds))


def late_lower_bound(
    actual_s: Sequence[float], speeds: Sequence[float], starts_s: Sequence[float]
) -> float:
    """Return the time that no schedule beats where runners join late.

    From some moment on no runner is left to join; until the end each runner works from its start.
    """
    work_s, speed, ends_s = sum(actual_s), 0.0, 0.0
    order = sorted(zip(starts_s, speeds, strict=True))
    for number, (start_s, each) in enumerate(order, 1):
        work_s += start_s * each
        speed += each
        ends_s = work_s / speed
        if number < len(order) and ends_s <= order[number][0]:
            break
    return max(ends_s, max(actual_s) / max(speeds))


def static_makespan(
    shards: Sequence[int], actual_s: Sequence[float], speeds: Sequence[float]
) -> float:
    """Return when the last shard ends.

    Args:
        shards: of each unit, from 1.
        actual_s: of each unit, on a runner of speed 1.
        speeds: of the runners, by shard.
    """
    loads = [0.0] * len(speeds)
    for shard, seconds in zip(shards, actual_s, strict=True):
        loads[shard - 1] += seconds / speeds[shard - 1]
    return max(loads)
