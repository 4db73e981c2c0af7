"""A session whose tests come from the shared queue: its begin, its loop, its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from pytest_nexus.domain.wording import counted
from pytest_nexus.errors import QueueAwayError, with_code
from pytest_nexus.journal.shared_queue.queue_lines import queue_lines, test_lines
from pytest_nexus.plan.sharding.document import collection_digest
from pytest_nexus.plan.sharding.pinned import listing
from pytest_nexus.plan.shared_queue.queue_units import sorted_collection, work_units
from pytest_nexus.run.shared_queue.queued_tests import QueuedTests

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

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


class QueueSession:
    """Runs the tests that this job draws from the queue, and leaves the others to other jobs.

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
        self._tests: QueuedTests | None = None
        """The tests of this job; None while the whole suite is to run here."""

    def prepare(self, tests: Sequence[CollectedTest], plan: Plan) -> None:
        """Keep the plan, from which this job may have to load the queue."""
        self._planned = (tests, plan)

    def fresh_tests(self, _: Sequence[pytest.Item]) -> QueuedTests | None:
        """Return the tests of this job, for the loop that repeats failed tests."""
        return self._tests

    def has_more(self, session: pytest.Session) -> bool:
        """Return whether the loop has to go on, after a wait for other jobs."""
        if self._tests is None:
            return False
        return self._tests.wait(lambda: not (session.shouldfail or session.shouldstop))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Open the queue before the loop, and hand in the work after it."""
        is_to_run = not session.config.option.collectonly and not (
            session.testsfailed and not session.config.option.continue_on_collection_errors
        )
        if is_to_run and session.items:
            self._open(session.items)
        try:
            return (yield)
        finally:
            if self._tests is not None:
                self._close(session, self._tests)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Note the end of a test; its report is in the journal."""
        if self._tests is not None:
            self._tests.ended(nodeid)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Make a job that found nothing left to run a success."""
        if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and self._tests is not None:
            session.exitstatus = pytest.ExitCode.OK

    def _open(self, items: Sequence[pytest.Item]) -> None:
        nodeids = [item.nodeid for item in items]
        places = sorted_collection(nodeids)
        self._nodeids = [nodeids[index] for index in places]
        digest, job = collection_digest(nodeids), self._job
        try:
            is_ours = job.queue.open(self._units, digest, job.retry)
            queued = job.source.queued() if is_ours else []
        except QueueAwayError as exc:
            self._notices.notify(with_code("NX277", f"all tests run in this job: {exc}"))
            return
        if not is_ours:
            self._notices.notify(
                with_code(
                    "NX273",
                    f"all tests run in this job, because it collected other tests than the queue"
                    f" {job.run!r} holds; jobs of another environment need another"
                    " --nexus-queue-run",
                )
            )
            return
        self._tests = QueuedTests(job.queue, places, nodeids)
        self._record(queue_lines(job.run, job.name, job.retry, digest))
        self._note("queued", queued)
        self._note("left", set(range(len(places))) - set(queued))
        self._note("again", _positions(job.queue.again))

    def _units(self) -> list[WorkUnit]:
        assert self._planned is not None
        return work_units(*self._planned)

    def _close(self, session: pytest.Session, tests: QueuedTests) -> None:
        queue = self._job.queue
        if session.shouldfail:
            queue.stop()
        lost = queue.close()
        self._note("refused", _positions(queue.refused))
        self._note("lost", lost)
        others = [item for index, item in enumerate(session.items) if index not in tests.taken]
        if others:
            session.config.hook.pytest_deselected(items=others)
        for sentence in self._sentences(len(tests.taken), len(others), lost):
            self._notices.notify(sentence)

    def _sentences(self, n_ran: int, n_others: int, lost: Sequence[int]) -> Iterator[str]:
        queue = self._job.queue
        yield with_code(
            "NX278",
            f"queue {self._job.run!r}: this job drew {counted(n_ran, 'test')} in"
            f" {counted(queue.n_units, 'unit')}, waited {queue.idle_s:.1f} s, and"
            f" left {n_others:,} to other jobs",
        )
        if queue.again:
            n_again = len(_positions(queue.again))
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


class QueueLoop:
    """Runs the tests of a job with pytest's own protocol, where no test is repeated.

    Args:
        queued: the session.
    """

    def __init__(self, queued: QueueSession) -> None:
        self._queued = queued

    @pytest.hookimpl
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run the tests; called instead of pytest's own implementation."""
        tests = self._queued.fresh_tests(session.items)
        if tests is None or session.config.option.collectonly:
            return None
        while True:
            _run(session, tests)
            if not self._queued.has_more(session):
                return True


def _run(session: pytest.Session, tests: QueuedTests) -> None:
    """Run tests until none is left, looking one ahead.

    Raises:
        pytest.Session.Failed: enough tests failed to stop the session.
        pytest.Session.Interrupted: the session must stop.
    """
    upcoming = _take(session, tests)
    while upcoming is not None:
        item, upcoming = upcoming, _take(session, tests)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=upcoming)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)


def _take(session: pytest.Session, tests: QueuedTests) -> pytest.Item | None:
    return session.items[tests.take()] if len(tests) else None


def _positions(units: Iterable[Leased]) -> list[int]:
    return [position for unit in units for position in unit.tests]
