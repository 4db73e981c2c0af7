"""Determine the order in which the tests of a run began, for each of its processes."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from pytest_nexus.journal.encoding import ALONE_NUMBER, NO_VERDICT, VERDICT_OF

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

_STEP: Final = 64
"""Number of tests between two stored sets of all earlier tests."""

_ORDER: Final = """
    SELECT started_us, test_id, worker, outcomes FROM attempt WHERE run_id = ? ORDER BY started_us
"""


class RunOrder:
    """The attempts of a run, by process; test i is bit i of a set.

    Skipped tests have not run. An attempt in a separate process comes before no other attempt.
    """

    def __init__(self, rows: Iterable[tuple[int, int, int | None, int]]) -> None:
        starts: dict[int | None, list[int]] = defaultdict(list)
        tests: dict[int | None, list[int]] = defaultdict(list)
        for started_us, test_id, worker, outcomes in rows:
            if VERDICT_OF[outcomes] != NO_VERDICT and (worker or 0) < ALONE_NUMBER:
                starts[worker].append(started_us)
                tests[worker].append(test_id)
        self._starts = dict(starts)
        self._tests = dict(tests)
        self._marks = {worker: _marks(some) for worker, some in tests.items()}
        self.everyone = 0
        """The set of all tests that ran."""
        for marks in self._marks.values():
            self.everyone |= marks[-1]

    @classmethod
    def read(cls, connection: sqlite3.Connection, run_id: int) -> RunOrder:
        """Return the order of a stored run."""
        return cls(connection.execute(_ORDER, (run_id,)))

    def around(self, test_id: int, worker: int | None, started_us: int) -> tuple[int, int]:
        """Return the tests of a process that began before a time, and those that began at it."""
        starts, tests = self._starts.get(worker, []), self._tests.get(worker, [])
        low, high = bisect_left(starts, started_us), bisect_right(starts, started_us)
        mark = low // _STEP
        before = self._marks[worker][mark] if worker in self._marks else 0
        for other in tests[mark * _STEP : low]:
            before |= 1 << other
        or_so = 0
        for other in tests[low:high]:
            or_so |= 1 << other
        ours = ~(1 << test_id)
        return before & ours, or_so & ours

    def distances(self, test_id: int) -> dict[int, int]:
        """Return how many tests ran between the last attempts of a test and of each other test."""
        for tests in self._tests.values():
            places = {other: place for place, other in enumerate(tests)}
            if test_id in places:
                here = places[test_id]
                return {other: abs(place - here) for other, place in places.items()}
        return {}


def _marks(tests: list[int]) -> list[int]:
    """Return the set of earlier tests at every `_STEP` tests, and finally the set of all."""
    bits = bytearray(max(tests, default=0) // 8 + 1)
    found = [0]
    for place, test_id in enumerate(tests, 1):
        bits[test_id >> 3] |= 1 << (test_id & 7)
        if place % _STEP == 0:
            found.append(int.from_bytes(bits, "little"))
    return [*found, int.from_bytes(bits, "little")]
