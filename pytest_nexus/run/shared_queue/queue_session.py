"""A single process whose tests come from the shared queue: its begin, its loop, its end."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.compat.pytest_internals import torn_down_to
from pytest_nexus.run.late_tear_down import tear_down_session
from pytest_nexus.run.shared_queue.queued_tests import QueuedTests

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from pytest_nexus.run.shared_queue.job_queue import JobQueue
    from pytest_nexus.run.shared_queue.queue_access import QueueAccess


class QueueSession:
    """Runs the tests that this job draws from the queue, and leaves the others to other jobs.

    Args:
        access: opens the queue.
    """

    def __init__(self, access: QueueAccess) -> None:
        self._access = access
        self._tests: QueuedTests | None = None
        """The tests of this job; None while the whole suite is to run here."""
        self._last: pytest.Item | None = None
        """The test that ran last, if fixtures of the session outlive it."""

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
            if self._last is not None:
                tear_down_session(self._last)
            if self._tests is not None:
                self._close(session, self._tests)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        """Keep the fixtures of the session after the last test of a batch.

        The next test is known only after the next claim. A unit has all tests that share a fixture
        of a narrower scope.
        """
        tests = self._tests
        if tests is None:
            return (yield)
        self._last = item if nextitem is None else None
        is_kept = nextitem is None
        keeping = torn_down_to(item.session, item.session, None) if is_kept else nullcontext()
        try:
            with keeping:
                return (yield)
        finally:
            tests.attempted(item.nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Note the end of a test; its report is in the journal."""
        if self._tests is not None:
            self._tests.ended(nodeid)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Make a job that found nothing left to run a success, unless its queue stayed away."""
        if self._tests is None or self._tests.taken:
            return
        if exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
            session.exitstatus = ending_without_tests(self._access.queue)

    def _open(self, items: Sequence[pytest.Item]) -> None:
        nodeids = [item.nodeid for item in items]
        places = self._access.open(nodeids)
        if places is not None:
            self._tests = QueuedTests(self._access, places, nodeids)

    def _close(self, session: pytest.Session, tests: QueuedTests) -> None:
        others = [item for index, item in enumerate(session.items) if index not in tests.taken]
        is_stopped = bool(session.shouldfail)
        self._access.close(len(tests.taken), len(others), is_stopped=is_stopped)
        if others:
            session.config.hook.pytest_deselected(items=others)


def ending_without_tests(queue: JobQueue) -> pytest.ExitCode:
    """Return the status of a job that ran no test: nobody may have run any if the queue is away."""
    is_away = queue.has_given_up
    return pytest.ExitCode.NO_TESTS_COLLECTED if is_away else pytest.ExitCode.OK


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
