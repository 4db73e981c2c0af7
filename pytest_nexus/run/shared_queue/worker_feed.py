"""Feed the workers of xdist from the shared queue: a thread of the controller claims units.

The controller must not wait for a database, because its workers report in the meantime. So a
thread claims as soon as the scheduler says that little is left, and posts the units to the
controller as one of its events.
"""

from __future__ import annotations

from functools import partial
from threading import Condition
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.system.originals import Thread
from pytest_nexus.plan.shared_queue.queue_units import dispatch_job, units_by_tests

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_nexus.plan.dispatch.units import Job, Unit, Workload
    from pytest_nexus.plan.shared_queue.work import Leased
    from pytest_nexus.run.shared_queue.queue_access import QueueAccess

    Post = Callable[[Callable[[], object]], object]
    """Make the controller call a function, after the events that it has received."""

_LOOK_S: Final = 0.25
"""Seconds between two looks at whether another job has stopped the run."""

_END_S: Final = 30.0
"""Longest wait for the thread at the end, which may be in a call that the database does not
answer."""


class WorkerFeed:
    """The units that this job has drawn for its workers.

    Only the thread claims. All other methods are called on the controller, in its main thread.

    Args:
        access: opens the queue.
        post: makes the controller call a function.
    """

    def __init__(self, access: QueueAccess, post: Post) -> None:
        self._access = access
        self._post = post
        self._places: Sequence[int] = ()
        self._seconds: Sequence[float] = ()
        self._known: dict[tuple[int, ...], Unit] = {}
        self._add: Callable[[Sequence[Job]], object] = _ignore
        self._halt: Callable[[], object] = _nothing
        self._unit_of: dict[int, Leased] = {}
        """Unit of each test that has not ended, by collection index."""
        self._left: dict[Leased, set[int]] = {}
        """Tests of each unit that have not ended."""
        self._ran: set[int] = set()
        """Tests with at least one attempt."""
        self._is_idle = True
        self._is_hungry = True
        self._is_ended = False
        self._is_stopping = False
        self._is_last = False
        """Whether the controller has taken all that the thread has posted."""
        self._n_posted = 0
        """Batches that the thread has posted."""
        self._n_taken = 0
        """Batches that the controller has taken."""
        self._changed = Condition()
        self._thread: Thread | None = None
        self.taken: set[int] = set()
        """Collection indices that this job has drawn."""

    @property
    def is_over(self) -> bool:
        """Return whether no more units will come."""
        return self._is_ended or self._is_last

    @property
    def is_open(self) -> bool:
        """Return whether the tests of this session come from the queue."""
        return self._thread is not None

    def open(
        self,
        nodeids: Sequence[str],
        work: Workload,
        add: Callable[[Sequence[Job]], object],
        halt: Callable[[], object],
    ) -> bool:
        """Open the queue and begin to claim; return whether the queue is of this collection.

        Args:
            nodeids: of the collection.
            work: the workload that this session plans.
            add: takes jobs for the workers.
            halt: lets the workers begin nothing more, because another job stopped the run.
        """
        places = self._access.open(nodeids)
        if places is None:
            return False
        self._places, self._seconds, self._known = places, work.seconds, units_by_tests(work)
        self._add, self._halt = add, halt
        self._thread = Thread(target=self._run, name="nexus-feed", daemon=True)
        self._thread.start()
        return True

    def look(self, *, is_hungry: bool, is_idle: bool) -> None:
        """Take note of what the workers need, after each event."""
        self._is_idle = is_idle and self._n_posted == self._n_taken
        if is_hungry and not self._is_hungry and self._n_posted == self._n_taken:
            with self._changed:
                self._is_hungry = True
                self._changed.notify()

    def ran(self, index: int, *, is_repeated: bool) -> None:
        """Note the end of an attempt; the last test of a unit ends the unit."""
        unit = self._unit_of.get(index)
        if unit is None:
            return
        self._ran.add(index)
        if is_repeated:
            return
        del self._unit_of[index]
        self._left[unit].discard(index)
        if not self._left[unit]:
            del self._left[unit]
            self._access.queue.finished(unit)

    def stop(self) -> None:
        """Stop all jobs of the run, because this one was to stop at a failure."""
        self._is_stopping = True
        self.end()

    def end(self) -> None:
        """Claim nothing more."""
        with self._changed:
            self._is_ended = True
            self._changed.notify()

    def close(self, n_planned: int) -> None:
        """Hand in what is done, and give back the rest.

        Args:
            n_planned: tests that the plan runs.
        """
        self.end()
        if self._thread is not None:
            self._thread.join(_END_S)
        for unit, left in list(self._left.items()):
            if left <= self._ran:  # a rerun was decided and did not come
                self._access.queue.finished(unit)
        n_ran = len(self.taken)
        self._access.close(n_ran, max(n_planned - n_ran, 0), is_stopped=self._is_stopping)

    def _run(self) -> None:
        """Claim until nothing more will come; the body of the thread."""
        try:
            self._claim_all()
        except Exception as exc:  # noqa: BLE001 - raised again in the thread of the session
            self._post(partial(_raise, exc))
        self._post(self._note_last)

    def _claim_all(self) -> None:
        queue = self._access.queue
        units: Sequence[Leased] = queue.again
        if units:
            self._hand_over(units, is_again=True)
        while self._waits_for_hunger():
            units = queue.wait(self._goes_on, lambda: self._is_idle)
            if not units:
                break
            self._hand_over(units)
        if self._is_stopping:
            queue.stop()
        elif queue.stopped_by:
            self._post(self._halt)

    def _hand_over(self, units: Sequence[Leased], *, is_again: bool = False) -> None:
        self._is_idle = self._is_hungry = False
        self._n_posted += 1
        self._post(lambda: self._take(units, is_again=is_again))

    def _goes_on(self) -> bool:
        return not self._is_ended

    def _waits_for_hunger(self) -> bool:
        """Return whether units are wanted, after a wait."""
        with self._changed:
            while not (self._is_hungry or self._is_ended or self._access.queue.stopped_by):
                self._changed.wait(_LOOK_S)
        return not (self._is_ended or self._access.queue.stopped_by)

    def _note_last(self) -> None:
        self._is_last = True

    def _take(self, units: Sequence[Leased], *, is_again: bool) -> None:
        self._n_taken += 1
        if self._is_ended:
            return  # `close` gives them back
        if not is_again:
            self._access.note_batch(units)
        known = self._known
        jobs = [dispatch_job(unit, self._places, self._seconds, known) for unit in units]
        for unit in units:
            indices = {self._places[position] for position in unit.tests}
            self._left[unit] = indices
            self._unit_of.update(dict.fromkeys(indices, unit))
            self.taken |= indices
        self._add(jobs)


def _nothing() -> None:
    pass


def _raise(error: Exception) -> None:
    raise error


def _ignore(_: Sequence[Job]) -> None:
    pass
