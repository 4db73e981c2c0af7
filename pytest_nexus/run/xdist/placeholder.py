"""Make an xdist worker run its last test before that test is known to be the last.

xdist's worker starts a test when it knows the next test or was told to end, because the tear-down
of a test depends on the next test. But a worker that was told to end cannot repeat anything. The
controller therefore sends a placeholder number, which stands for a possible next test. Only the
worker's loop sees this number: hooks and plugins see None as the next test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.compat import pytest_internals
from pytest_nexus.compat.xdist_worker_internals import Turns, worker_of
from pytest_nexus.run.late_tear_down import tear_down_session
from pytest_nexus.run.reruns.fresh_item import remember, restore

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pytest_nexus.run.reruns.fresh_item import AsCollected

    Around = Callable[[Callable[..., Any], pytest.Item, pytest.Item | None], None]


class RepeatingWorker:
    """Runs the tests that the controller sends to a worker, some of them more than once.

    Args:
        around: runs a test by the hook that it gets as argument; None calls the hook directly.
    """

    def __init__(self, around: Around | None = None) -> None:
        self._around = around
        self._last: pytest.Item | None = None
        """The test that ran last, if session-scoped fixtures outlive it."""
        self._failed: dict[pytest.Item, AsCollected] = {}
        """States before the first attempt: of the items that failed, and of the running item."""
        self._running: pytest.Item | None = None
        self._n_failed = 0
        """Number of failed reports of the session before the running item."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, Any, Any]:
        """Replace the step of xdist's loop that runs one test.

        From here on the controller counts the failures, because it knows which of them are
        repeated.
        """
        worker = worker_of(session.config)
        if worker is None:
            return (yield)
        session.config.option.maxfail = 0
        turns = Turns(worker, len(session.items), self)
        worker.run_one_test = turns.take
        try:
            return (yield)
        finally:
            del worker.run_one_test

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Prepare an item that has already run, and let pytest run it."""
        state = self._failed.get(item)
        if state is not None:
            restore(item, state)
        else:
            self._note(item)

    def _note(self, item: pytest.Item) -> None:
        """Keep the state of an item before its first attempt, until the item has passed."""
        session = item.session
        if self._running is not None and session.testsfailed == self._n_failed:
            self._failed.pop(self._running, None)
        self._running, self._n_failed = item, session.testsfailed
        self._failed[item] = remember(item)

    def run(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        """Run a test; a next item of None means that the test is the last one."""
        self._last = None
        self._call(item, nextitem)

    def run_before_pause(self, item: pytest.Item) -> None:
        """Run a test without a known next test; only session-scoped fixtures outlive it.

        Nothing with a narrower scope is kept. While this worker waits, another worker may repeat a
        test of the same module, and that test needs the module's port or file.
        """
        self._last = item
        with pytest_internals.torn_down_to(item.session, item.session, None):
            self._call(item, None)

    def _call(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        protocol = item.config.hook.pytest_runtest_protocol
        if self._around is None:
            protocol(item=item, nextitem=nextitem)
        else:
            self._around(protocol, item, nextitem)

    def end(self) -> None:
        """Tear down the session; report an error as an error of the last test, as pytest does."""
        if self._last is not None:
            tear_down_session(self._last)
