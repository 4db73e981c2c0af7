"""Open the shared queue for one job, and say in its journal and notices what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_nexus.domain.wording import counted
from pytest_nexus.errors import QueueAwayError, with_code
from pytest_nexus.journal.shared_queue.queue_lines import batch_lines, queue_lines, test_lines
from pytest_nexus.plan.sharding.document import collection_digest
from pytest_nexus.plan.sharding.pinned import listing
from pytest_nexus.plan.shared_queue.queue_units import sorted_collection, work_units

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pytest_nexus.domain.records import CollectedTest, Plan
    from pytest_nexus.plan.shared_queue.work import Leased, WorkSource, WorkUnit
    from pytest_nexus.run.shared_queue.job_queue import JobQueue
    from pytest_nexus.session.notices import Notices


class QueueJob(NamedTuple):
    """This job, as its settings name it."""

    source: WorkSource
    queue: JobQueue
    run: str
    name: str
    retry: int
    """How often a job of this name has joined before."""


class QueueAccess:
    """Opens and closes the queue for one session.

    Args:
        job: this job.
        notices: of the session.
        record: writes lines to the journal.
    """

    def __init__(
        self, job: QueueJob, notices: Notices, record: Callable[[Iterable[str]], None]
    ) -> None:
        self._job = job
        self._notices = notices
        self._record = record
        self._planned: tuple[Sequence[CollectedTest], Plan] | None = None
        self._nodeids: list[str] = []
        """Node ids of the sorted collection."""

    @property
    def queue(self) -> JobQueue:
        """Return the leases of this job."""
        return self._job.queue

    def prepare(self, tests: Sequence[CollectedTest], plan: Plan) -> None:
        """Keep the plan, from which this job may have to load the queue."""
        self._planned = (tests, plan)

    def open(self, nodeids: Sequence[str]) -> list[int] | None:
        """Return the collection index of each position in the queue; None without a queue.

        Args:
            nodeids: of the collection of this job.
        """
        if self._planned is None:
            return None  # the plan has failed, which has its own message
        places = sorted_collection(nodeids)
        self._nodeids = [nodeids[index] for index in places]
        digest, job = collection_digest(nodeids), self._job
        try:
            queued = self._opened(digest)
        except QueueAwayError as exc:
            job.queue.leave()
            self._notices.notify(with_code("NX277", f"all tests run in this job: {exc}"))
            return None
        if queued is None:
            self._notices.notify(
                with_code(
                    "NX273",
                    f"all tests run in this job, because it collected other tests than the queue"
                    f" {job.run!r} holds; jobs of another environment need another"
                    " --nexus-queue-run",
                )
            )
            job.queue.leave()
            return None
        self._record(queue_lines(job.run, job.name, job.retry, digest))
        self._note("queued", queued)
        self._note("left", set(range(len(places))) - set(queued))
        self._note("again", _positions(job.queue.again))
        return places

    def note_batch(self, units: Sequence[Leased]) -> None:
        """Write to the journal that this job has drawn units; called in the main thread."""
        if units:
            self._record(batch_lines(len(_positions(units)), self._job.queue.idle_s))

    def close(self, n_ran: int, n_others: int, *, is_stopped: bool) -> None:
        """Hand in what is done, and say what this job did.

        Args:
            n_ran: tests that this job drew.
            n_others: tests that it left to other jobs.
            is_stopped: whether this job has to stop the others.
        """
        queue = self._job.queue
        if is_stopped:
            queue.stop()
        lost = queue.close()
        self._record(batch_lines(0, queue.idle_s))
        self._note("refused", _positions(queue.refused))
        self._note("lost", lost)
        for sentence in self._sentences(n_ran, n_others, lost):
            self._notices.notify(sentence)

    def _opened(self, digest: str) -> list[int] | None:
        """Return the positions of all tests in the queue; None if it is of another collection.

        A connection that breaks now would make this job run all tests, so there is a second try.

        Raises:
            QueueAwayError: the queue did not answer twice.
        """
        job = self._job
        for is_last in (False, True):
            try:
                is_ours = job.queue.open(self._units, digest, job.retry)
                return job.source.queued() if is_ours else None
            except QueueAwayError:
                if is_last:
                    raise
        raise AssertionError  # for the type checker

    def _units(self) -> list[WorkUnit]:
        assert self._planned is not None
        return work_units(*self._planned)

    def _sentences(self, n_ran: int, n_others: int, lost: Sequence[int]) -> Iterator[str]:
        queue = self._job.queue
        n_again = len(_positions(queue.again))
        n_drawn = max(n_ran - n_again, 0)
        yield with_code(
            "NX278",
            f"queue {self._job.run!r}: this job drew {counted(n_drawn, 'test')} in"
            f" {counted(queue.n_units, 'unit')}, waited {queue.idle_s:.1f} s, and"
            f" left {n_others:,} to other jobs",
        )
        if queue.again:
            yield with_code(
                "NX279",
                f"this job was started again and repeated the {counted(n_again, 'test')} that it"
                " had run before",
            )
        if queue.refused:
            n_refused = len(_positions(queue.refused))
            yield with_code(
                "NX280",
                f"{counted(n_refused, 'test')} ran here and in another job too, because this job"
                " was not heard of for the time of a lease",
            )
        if queue.stopped_by and queue.stopped_by != self._job.name:
            yield with_code("NX281", f"job {queue.stopped_by!r} stopped the run after a failure")
        if lost:
            names = listing([self._nodeids[position] for position in lost])
            yield with_code(
                "NX282", f"{counted(len(lost), 'test')} lost, each job with them died: {names}"
            )

    def _note(self, what: str, positions: Iterable[int]) -> None:
        self._record(test_lines(what, [self._nodeids[each] for each in sorted(positions)]))


def _positions(units: Iterable[Leased]) -> list[int]:
    return [position for unit in units for position in unit.tests]
