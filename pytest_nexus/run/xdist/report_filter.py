"""Repeat tests on xdist's workers: filter their reports before they are logged.

    filter_report(report, node) -> the reports to log now

The filter runs on the controller for each report of a worker, in the order of the phases. It may
call `rerun` for the test of the report. This module itself decides nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.compat.report_marks import mark_known
from pytest_nexus.domain.system.clock import perf_counter
from pytest_nexus.run.late_tear_down import is_after_all
from pytest_nexus.run.xdist.collection_channel import REPEATS
from pytest_nexus.run.xdist.timer import WakeUpTimer
from pytest_nexus.session.error_boundary import ErrorBoundary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_nexus.compat.xdist_internals import DSession, WorkerNode
    from pytest_nexus.run.xdist.guarded_scheduling import SafeScheduling
    from pytest_nexus.session.error_boundary import Part

    FilterReport = Callable[[pytest.TestReport, WorkerNode], Iterable[pytest.TestReport]]


class ReportFilter:
    """Stands between xdist and its scheduler; registered on the controller if tests are repeated.

    An error in the tear-down of the session does not pass the filter. Its report comes after the
    last test of a worker was reported as a whole, and nothing can be repeated then.
    """

    def __init__(self, filter_report: FilterReport, part: Part | None = None) -> None:
        self._filter = filter_report
        self._part = part or ErrorBoundary().part("the reruns", "")
        self._dsession: DSession | None = None
        self._scheduling: SafeScheduling | None = None
        self._alarm: WakeUpTimer | None = None
        self._repeated: set[str] = set()
        """Node ids of the tests with another attempt to come."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Called on the controller for each worker before it starts.

        Under `--dist=each` every worker runs all its items once, so nothing is repeated.
        """
        self.tell(node)

    def tell(self, node: Any) -> None:
        """Tell a worker that tests may come more than once, even if reruns are off by then."""
        if node.config.getvalue("dist") != "each":
            node.workerinput.setdefault("nexus", {})[REPEATS] = True

    @property
    def is_on(self) -> bool:
        """Return whether tests may still be repeated."""
        return self._part.is_on

    def pytest_sessionfinish(self) -> None:
        """End the thread that wakes the controller."""
        if self._alarm is not None:
            self._alarm.close()

    def attach(self, dsession: DSession, scheduling: SafeScheduling) -> None:
        """Put the filter before xdist's handling of reports; called when the scheduler is made."""
        self._dsession = dsession
        self._scheduling = scheduling
        self._alarm = WakeUpTimer(lambda: dsession.queue.put(("nexus_wake", {})))
        dsession.worker_nexus_wake = self._on_wake
        dsession.worker_nexus_call = _call
        self._log_report = dsession.worker_testreport
        self._log_start = dsession.worker_logstart
        self._log_finish = dsession.worker_logfinish
        dsession.worker_testreport = self._on_report
        dsession.worker_logstart = self._on_start
        dsession.worker_logfinish = self._on_finish

    def set_alarm(self, at_s: float | None) -> None:
        """Wake the scheduler at a time of `timing.perf_counter`."""
        assert self._alarm is not None
        self._alarm.set(at_s)

    def post(self, call: Callable[[], object]) -> bool:
        """Make the controller call a function, after the events that it has received.

        Return whether the function will be called; it is not called if no session runs.
        """
        if self._dsession is None:
            return False
        self._dsession.queue.put(("nexus_call", {"call": call}))
        return True

    def announce(self, index: int) -> None:
        """Announce a test that a worker repeats by itself: it is not another test."""
        assert self._scheduling is not None
        self._repeated.add(self._scheduling.nodeid(index))

    def is_last_straw(self, n_repeated: int) -> bool:
        """Return whether the session ends after this many further failures."""
        dsession, scheduling = self._dsession, self._scheduling
        if dsession is None or scheduling is None:
            return False
        return dsession.countfailures + n_repeated >= scheduling.maxfail

    @property
    def accepts_reruns(self) -> bool:
        """Return whether a rerun will be accepted; to be asked before the rerun is decided."""
        dsession, scheduling = self._dsession, self._scheduling
        if dsession is None or scheduling is None or dsession.shuttingdown or dsession.shouldstop:
            return False
        return scheduling.accepts_reruns

    @property
    def ends_well(self) -> bool:
        """Return whether nothing stopped the session; to be asked after its workers ended."""
        return self._dsession is not None and not self._dsession.shouldstop

    def rerun(self, node: WorkerNode, index: int, delay_s: float) -> bool:
        """Run a test once more after a delay; return whether that will happen.

        Call this while a report of the failed attempt is handled, or in `pytest_handlecrashitem`. A
        second call for the same attempt changes nothing.

        Args:
            node: the worker of the failed attempt.
            index: `item_index` of the report, or `crashed_index`.
            delay_s: seconds from now before which the test does not start.
        """
        if not self.accepts_reruns or self._scheduling is None:
            return False
        self._repeated.add(self._scheduling.nodeid(index))
        self._scheduling.again(index, perf_counter() + delay_s, node.gateway.id)
        return True

    def crashed_index(self, nodeid: str) -> int:
        """Return the index of a test whose worker has just crashed, by its node id."""
        assert self._scheduling is not None
        return self._scheduling.crashed_index(nodeid)

    def hold(self) -> None:
        """Send no reruns until `release`; a rerun that is still held at the end is not run."""
        if self._scheduling is not None:
            self._scheduling.hold()

    def release(self) -> None:
        """Send reruns again."""
        if self._scheduling is not None:
            self._scheduling.release()

    def abandon(self) -> None:
        """Forget the reruns that were not sent to a worker, and accept no more."""
        if self._scheduling is not None:
            self._scheduling.abandon()

    def _on_report(self, node: WorkerNode, rep: Any) -> None:
        rep.node = node
        is_final = is_after_all(rep)
        if is_final:
            mark_known(rep)  # the report belongs to no attempt
        for report in [rep] if is_final else self._filtered(rep, node):
            self._log_report(node=node, rep=report)

    def _filtered(self, report: Any, node: WorkerNode) -> Iterable[pytest.TestReport]:
        try:
            return self._filter(report, node)
        except Exception as exc:  # noqa: BLE001 - whatever fails must not fail the run
            self._part.catch(exc)
        return [report]

    def _on_wake(self) -> None:
        assert self._scheduling is not None
        if self._alarm is not None and self._alarm.error is not None:
            self._part.cover(self._alarm.fail)()
        self._scheduling.wake()

    def _on_start(self, node: WorkerNode, nodeid: str, location: Any) -> None:
        """Report the start of a test once, whatever the number of its attempts."""
        if nodeid in self._repeated:
            self._repeated.discard(nodeid)
        else:
            self._log_start(node=node, nodeid=nodeid, location=location)

    def _on_finish(self, node: WorkerNode, nodeid: str, location: Any) -> None:
        if nodeid not in self._repeated:
            self._log_finish(node=node, nodeid=nodeid, location=location)


def _call(call: Callable[[], object]) -> None:
    call()
