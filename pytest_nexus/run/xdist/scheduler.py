"""Schedule xdist's tests with nexus' policy: pass events to the dispatch, perform its commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.compat import xdist_internals
from pytest_nexus.domain.system.clock import perf_counter
from pytest_nexus.errors import with_code
from pytest_nexus.plan.dispatch.commands import Send, Withdraw
from pytest_nexus.plan.dispatch.outstanding import Outstanding
from pytest_nexus.plan.dispatch.policy import Dispatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pytest_nexus.compat.xdist_internals import WorkerNode
    from pytest_nexus.plan.dispatch.commands import Command
    from pytest_nexus.plan.dispatch.units import Job, Workload
    from pytest_nexus.run.shared_queue.worker_feed import WorkerFeed

    Ties = dict[int, list[str]]
    """The names that tie tests together by the user's wish, by test."""
    Planning = Callable[[Sequence[str], str], tuple[Workload, Ties]]
    """Plan the tests of a collection from their node ids and the mode of distribution."""


class NexusScheduling:
    """Implements `xdist.scheduler.protocol.Scheduling`; xdist calls every method."""

    def __init__(  # noqa: PLR0913 - one argument for each part that the scheduling needs
        self,
        config: pytest.Config,
        log: Any,
        plan: Planning,
        notify: Callable[[str], None],
        set_alarm: Callable[[float | None], None] | None = None,
        feed: WorkerFeed | None = None,
        *,
        releases_rest: Callable[[bool], bool] | None = None,
    ) -> None:
        self._feed = feed
        """Draws the tests from a shared queue; None if this session runs all tests of its plan."""
        self._lost: list[int] = []
        """Tests in which workers crashed, whose reports are being written."""
        self._set_alarm = set_alarm
        """Wakes the scheduler at a time; None if no test is repeated."""
        self._releases_rest = releases_rest
        """Says whether the rest of the workload runs; None after the answer."""
        self.config = config
        self.log = log.nexussched
        self.maxfail: int = config.getvalue("maxfail")
        """Number of failures after which nothing more is sent; 0 for no limit."""
        self.dist: str = config.getvalue("dist")
        self.ties: Ties = {}
        """The names that tie tests together by the user's wish, by test; known once the tests
        are."""
        self.order: list[int] | None = None
        """The tests to run, once they are planned."""
        self.outstanding = Outstanding()
        self.numnodes = xdist_internals.count_workers(config)
        self._max_restart = xdist_internals.max_worker_restart(config)
        self._n_crashes = 0
        self._plan = plan
        self._notify = notify
        self._nodes: dict[str, WorkerNode] = {}
        self._collections: dict[str, list[str]] = {}
        self._dispatch: Dispatch | None = None
        self._collection: list[str] | None = None
        self._crashed: dict[str, int] = {}
        self._is_over = False

    @property
    def nodes(self) -> list[WorkerNode]:
        """The workers that are up."""
        return list(self._nodes.values())

    @property
    def collection_is_completed(self) -> bool:
        """Return whether all first workers have collected."""
        return self._collection is not None or len(self._collections) >= self.numnodes

    @property
    def tests_finished(self) -> bool:
        """Return whether the workers may be told to end."""
        # xdist asks after every event
        dispatch = self._dispatch
        if self._feed is not None and dispatch is not None:
            self._look(self._feed, dispatch)
        return self._is_over or (dispatch is not None and dispatch.is_finished and not self._waits)

    @property
    def has_pending(self) -> bool:
        """Return whether the run is in progress."""
        return self._dispatch is not None and self._dispatch.has_pending

    def add_node(self, node: WorkerNode) -> None:
        """Add a worker that is up and collects."""
        self._nodes[node.gateway.id] = node

    def add_node_collection(self, node: WorkerNode, collection: Sequence[str]) -> None:
        """Store the collection of a worker; a late worker must have collected the same tests."""
        if self._collection is None:
            self._collections[node.gateway.id] = list(collection)
        elif self._is_same(node, list(collection)):
            self._collections[node.gateway.id] = self._collection
            self._join([node])

    def schedule(self) -> None:
        """Start the run after all awaited workers collected; called again for late workers."""
        if self._collection is not None or self._is_over:
            return
        first, *others = self._collections.items()
        if not all([self._is_equal(first, other) for other in others]):  # noqa: C419 - report all
            self._is_over = True
            return
        self._collection = first[1]
        work, self.ties = self._plan(self._collection, self.dist)
        self.order = work.tests
        if self._feed is not None:
            has_queue = self._feed.open(self._collection, work, self._add, self.stop)
            self._feed = self._feed if has_queue else None
        is_fed = self._feed is not None
        has_reruns = self._set_alarm is not None or is_fed
        self._dispatch = Dispatch(work, self.numnodes, reruns=has_reruns, is_fed=is_fed)
        self._join(self._nodes[name] for name in self._collections if name in self._nodes)

    @property
    def collection(self) -> Sequence[str] | None:
        """The common node ids of all workers, once they are known."""
        return self._collection

    @property
    def accepts_reruns(self) -> bool:
        """Return whether `again` has an effect."""
        return self._dispatch is not None and self._dispatch.accepts_reruns

    def nodeid(self, index: int) -> str:
        """Return the node id of a test."""
        assert self._collection is not None
        return self._collection[index]

    def crashed_index(self, nodeid: str) -> int:
        """Return the index of the last test with this node id in which a worker crashed.

        Raises:
            KeyError: no worker crashed in this test.
        """
        return self._crashed[nodeid]

    def mark_test_complete(self, node: WorkerNode, item_index: int, duration: float = 0) -> None:
        """Record that a worker has finished a test."""
        commands = self._running.finish(node.gateway.id, item_index, duration, perf_counter())
        if self._feed is not None:
            self._feed.ran(item_index, is_repeated=self._running.runs_again(item_index))
        self._perform(commands)
        if self._releases_rest is not None and self._running.may_run_rest:
            self._run_rest(self._releases_rest)

    def mark_test_pending(self, item: str) -> None:
        """Run a crashed worker's test once more, as a `pytest_handlecrashitem` asked."""
        if item in self._crashed:
            self._perform(self._running.again(self._crashed[item], perf_counter()))

    def again(self, index: int, due_s: float, worker: str) -> None:
        """Run a test that has failed on a worker once more."""
        self._perform(self._running.again(index, perf_counter(), due_s, worker))

    def learn(self, index: int, *, has_failed: bool) -> None:
        """Let the outcome of a test move the tests that no worker has had."""
        if self._dispatch is not None:
            self._dispatch.learn(index, has_failed=has_failed)

    def wake(self) -> None:
        """Send a rerun that may be due; called when the timer rings."""
        if self._dispatch is not None:
            self._perform(self._dispatch.woken(perf_counter()))

    def hold(self) -> None:
        """Send no reruns until `release`."""
        if self._dispatch is not None:
            self._perform(self._dispatch.hold())

    def release(self) -> None:
        """Send reruns again."""
        if self._dispatch is not None:
            self._perform(self._dispatch.release(perf_counter()))

    def abandon(self) -> None:
        """Forget all reruns that were not sent to a worker, and accept no more."""
        if self._dispatch is not None:
            self._perform(self._dispatch.abandon(perf_counter()))

    def remove_pending_tests_from_node(self, node: WorkerNode, indices: Sequence[int]) -> None:
        """Record a worker's answer to a withdrawal."""
        self._perform(self._running.withdrawn(node.gateway.id, indices, perf_counter()))

    def remove_node(self, node: WorkerNode) -> str | None:
        """Remove a worker that ended or crashed; return the node id of the test that was running.

        Raises:
            KeyError: the worker had not come up.
        """
        is_crash = not hasattr(node, "workeroutput")
        self._n_crashes += is_crash
        name = node.gateway.id
        del self._nodes[name]
        had_collected = self._collections.pop(name, None) is not None
        if self._dispatch is None or self._collection is None or not had_collected:
            return None
        now = perf_counter()
        culprit, commands = self._dispatch.lose(name, now)
        if self._feed is not None and culprit is not None:
            self._lost.append(culprit)
        if is_crash and self._is_last_crash:
            self._end_feed()
            commands += self._dispatch.drain(now)
            if self._dispatch.unsent:
                self._end_early()
        self._perform(commands)
        return self._note_crash(culprit)

    def stop(self) -> None:
        """Send nothing more at the limit of failures, and withdraw tests that have not started."""
        self._end_feed()
        if self._dispatch is not None:
            self._perform(self._dispatch.stop())

    def stop_all(self) -> None:
        """Stop this session at the limit of failures, and all other jobs of its queue."""
        if self._feed is not None and self._feed.is_open:
            self._feed.stop()
        self.stop()

    @property
    def _waits(self) -> bool:
        """Return whether the shared queue may still have tests for this session."""
        return self._feed is not None and not self._feed.is_over

    def _look(self, feed: WorkerFeed, dispatch: Dispatch) -> None:
        """Tell the shared queue what the workers need, and which tests were lost with them."""
        lost, self._lost = self._lost, []
        for index in lost:
            feed.ran(index, is_repeated=dispatch.runs_again(index))
        feed.look(is_hungry=dispatch.wants_more, is_idle=not dispatch.has_pending)

    def _add(self, jobs: Sequence[Job]) -> None:
        """Give the workers jobs that were drawn from the shared queue."""
        self._perform(self._running.add(jobs, perf_counter()))

    def _end_feed(self) -> None:
        if self._feed is not None and self._feed.is_open:
            self._feed.end()

    @property
    def _running(self) -> Dispatch:
        assert self._dispatch is not None, "xdist reports tests only after schedule()"
        return self._dispatch

    @property
    def _is_last_crash(self) -> bool:
        """Return whether xdist replaces no worker and ends the run after this crash."""
        return self._max_restart is not None and self._n_crashes > self._max_restart

    def _run_rest(self, releases_rest: Callable[[bool], bool]) -> None:
        """Run the rest of the workload if that is wanted; called once."""
        self._releases_rest = None
        if releases_rest(self._running.holds_reruns) and self.order is not None:
            self.order += self._running.rest
            self._perform(self._running.run_rest(perf_counter()))
        else:
            self._running.drop_rest()

    def _join(self, nodes: Iterable[WorkerNode]) -> None:
        names = [node.gateway.id for node in nodes]
        self._perform(self._running.join(names, perf_counter()))

    def _perform(self, commands: Iterable[Command]) -> None:
        for command in commands:
            node = self._nodes[command.worker]
            try:
                if isinstance(command, Send):
                    node.send_runtest_some(command.indices)
                    self.outstanding.send(command.worker, command.indices)
                elif isinstance(command, Withdraw):
                    node.send_steal(command.indices)
                    self.outstanding.ask(command.worker)
                else:
                    node.shutdown()
            except OSError:
                # The worker has just died. xdist reports that, and the tests of the worker come
                # back.
                self.log("not sent", command)
        if self._set_alarm is not None:
            self._set_alarm(self._running.wake_at)

    def _note_crash(self, culprit: int | None) -> str | None:
        if culprit is None or self._collection is None:
            return None
        nodeid = self._collection[culprit]
        self._crashed[nodeid] = culprit
        return nodeid

    def _is_same(self, node: WorkerNode, collection: Sequence[str]) -> bool:
        """Return whether a late worker may help; a worker that may not is told to end."""
        assert self._collection is not None
        if not self._report_difference("the others", self._collection, node.gateway.id, collection):
            return True
        node.shutdown()
        if not self._collections:
            self._end_early()
        return False

    def _end_early(self) -> None:
        """End the run early: no worker is left for the remaining tests."""
        self._is_over = True
        if self._running.unsent:
            self._notify(
                with_code(
                    "NX215",
                    f"{self._running.unsent} tests were not run, because no worker was left",
                )
            )

    def _is_equal(self, one: tuple[str, list[str]], other: tuple[str, list[str]]) -> bool:
        return not self._report_difference(*one, *other)

    def _report_difference(
        self, one: str, ids: Sequence[str], other: str, other_ids: Sequence[str]
    ) -> bool:
        """Report, in xdist's words, that two workers collected different tests."""
        message = xdist_internals.difference(ids, other_ids, one, other)
        if message is None:
            return False
        self.log(message)
        report = pytest.CollectReport(nodeid=other, outcome="failed", longrepr=message, result=[])
        self.config.hook.pytest_collectreport(report=report)
        return True
