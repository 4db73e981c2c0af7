"""Estimate how long one job takes with several worker processes. Pure."""

from __future__ import annotations

from heapq import heapify, heapreplace
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_PLACED: Final = 4
"""Tests for each worker that are placed one by one; the others fill up what is left."""


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
