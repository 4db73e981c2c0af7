"""The tests that a job has drawn from the shared queue, as the next tests of its loop."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_nexus.plan.shared_queue.work import Leased
    from pytest_nexus.run.shared_queue.queue_access import QueueAccess


class QueuedTests:
    """Tests of this job that have not been taken; an empty store is filled from the queue.

    Nothing is claimed while a test runs, only to know the test after it: another job would have
    to wait for a unit that this job cannot begin.

    Args:
        access: to the leases of this job.
        places: the index of the item at each position of the sorted collection.
        nodeids: of the items.
    """

    def __init__(self, access: QueueAccess, places: Sequence[int], nodeids: Sequence[str]) -> None:
        self._access = access
        self._queue = access.queue
        self._places = places
        self._nodeids = nodeids
        self._waiting: deque[tuple[int, Leased]] = deque()
        self._running: defaultdict[str, deque[tuple[int, Leased]]] = defaultdict(deque)
        """The tests that were taken and have not ended, by node id."""
        self._left: dict[Leased, int] = {}
        """Number of tests of each unit that have not ended."""
        self.taken: set[int] = set()
        """Items that this job has taken."""
        self._ahead: list[str] = []
        """The tests that were taken and have had no attempt, by node id: two at most."""
        self._add(self._queue.again)

    def __len__(self) -> int:
        if not self._waiting and not self._ahead:
            self._draw(self._queue.claim())
        if self._queue.stopped_by:
            self._waiting.clear()
        return len(self._waiting)

    def first(self) -> int:
        """Return the next test."""
        return self._waiting[0][0]

    def take(self) -> int:
        """Take the next test."""
        index, unit = self._waiting.popleft()
        self._running[self._nodeids[index]].append((index, unit))
        self.taken.add(index)
        self._ahead.append(self._nodeids[index])
        return index

    def learn(self, place: int, *, has_failed: bool) -> None:
        """Keep the order, which the queue has for all jobs."""

    @property
    def may_grow(self) -> bool:
        """Return whether a test runs, or is the next one."""
        return bool(self._ahead)

    def attempted(self, nodeid: str) -> None:
        """Note the end of an attempt, which may be followed by another one of the same test."""
        if nodeid in self._ahead:
            self._ahead.remove(nodeid)

    def ended(self, nodeid: str) -> None:
        """Note the end of a test; the last one of a unit ends the unit."""
        running = self._running.get(nodeid)
        if not running:
            return
        _, unit = running.popleft()
        self._left[unit] -= 1
        if not self._left[unit]:
            del self._left[unit]
            self._queue.finished(unit)

    def wait(self, goes_on: Callable[[], bool]) -> bool:
        """Return whether there are more tests, after a wait for other jobs."""
        self._ahead.clear()  # a test that a plugin removed from the session has no attempt
        if not self._waiting:
            self._draw(self._queue.wait(goes_on))
        return bool(self._waiting)

    def _draw(self, units: Sequence[Leased]) -> None:
        self._access.note_batch(units)
        self._add(units)

    def _add(self, units: Sequence[Leased]) -> None:
        for unit in units:
            self._left[unit] = len(unit.tests)
            self._waiting.extend((self._places[position], unit) for position in unit.tests)
