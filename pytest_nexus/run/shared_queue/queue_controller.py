"""The controller of workers whose tests come from the shared queue: its begin and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.compat import xdist_internals
from pytest_nexus.run.shared_queue.queue_session import ending_without_tests
from pytest_nexus.run.shared_queue.worker_feed import WorkerFeed
from pytest_nexus.run.xdist.collection_channel import REPEATS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from pytest_nexus.domain.records import CollectedTest, Plan
    from pytest_nexus.run.shared_queue.queue_access import QueueAccess
    from pytest_nexus.session.error_boundary import Part


class QueueController:
    """Lets the workers run the tests that this job draws; registered on the controller.

    Args:
        config: of the controller.
        access: opens the queue.
        part: of the ErrorBoundary that the scheduling belongs to.
    """

    def __init__(self, config: pytest.Config, access: QueueAccess, part: Part) -> None:
        self._config = config
        self._part = part
        self._access = access
        self.feed = WorkerFeed(access, self._post)
        self._planned: list[str] = []
        """Node ids of the tests that the plan runs, by collection index; empty for the others."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Let a worker run its last test though more may come; called before it starts."""
        node.workerinput.setdefault("nexus", {})[REPEATS] = True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Hand in the work of this job after xdist's loop."""
        dsession: Any = xdist_internals.controller(self._config)
        dsession.worker_nexus_call = _call
        try:
            return (yield)
        finally:
            if self.feed.is_open:
                self._close()

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Let a job that ran no test because its queue stayed away be no success."""
        feed = self.feed
        if exitstatus == pytest.ExitCode.OK and feed.is_open and not feed.taken:
            session.exitstatus = ending_without_tests(self._access.queue)

    def prepare(self, _: Sequence[CollectedTest], plan: Plan) -> None:
        """Keep the tests that the plan runs."""
        self._planned = [
            one.test.nodeid if one.verdict.action == "run" else "" for one in plan.tests
        ]

    def _close(self) -> None:
        self.feed.close(sum(map(bool, self._planned)))
        taken = self.feed.taken
        others = [one for index, one in enumerate(self._planned) if one and index not in taken]
        xdist_internals.show_deselected(self._config, others)

    def _post(self, call: Callable[[], object]) -> None:
        """Make xdist's controller call a function between two events; called in any thread."""
        event = ("nexus_call", {"call": self._part.cover(call)})
        xdist_internals.controller(self._config).queue.put(event)


def _call(call: Callable[[], object]) -> None:
    call()
