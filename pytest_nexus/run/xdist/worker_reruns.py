"""Repeat tests under xdist: one ReportGate on the controller gets the reports of all workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.run.reruns.decisions import Host
from pytest_nexus.run.reruns.gate import ReportGate
from pytest_nexus.run.reruns.guarded_gate import GuardedGate
from pytest_nexus.run.xdist.marker_channel import is_foreign, sent_rule
from pytest_nexus.run.xdist.maxfail_controller import FailureBrake
from pytest_nexus.run.xdist.report_filter import ReportFilter

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from pytest_nexus.compat.xdist_internals import WorkerNode
    from pytest_nexus.domain.records import CollectedTest, Failure
    from pytest_nexus.run.fresh_process.order_dependents import OrderDependents
    from pytest_nexus.run.reruns.session import RerunSession
    from pytest_nexus.session.error_boundary import Part


class WorkerReruns:
    """Decides about the reports of all workers; registered on the controller.

    Args:
        rerun_session: the `RerunSession`, with the policy and the known flakes.
        failure_of: describes a failed report.
        record: takes a report that is not logged.
        part: the part of the ErrorBoundary that is switched off if the reruns fail.
        dependents: runs tests that may depend on the order; None if nothing is done for such tests.
    """

    def __init__(
        self,
        rerun_session: RerunSession,
        failure_of: Callable[[pytest.TestReport], Failure],
        record: Callable[[pytest.TestReport], None],
        part: Part,
        dependents: OrderDependents | None = None,
    ) -> None:
        self._rerun_session = rerun_session
        self._go_on = part.cover(self._let_go_on)
        repeater = self.repeater = ReportFilter(self._filter, part)
        host = Host(
            self._test_of,
            sent_rule,
            failure_of,
            record,
            accepts=lambda: repeater.accepts_reruns,
            ends_well=lambda: repeater.ends_well,
        )
        gate = ReportGate(rerun_session, host, dependents)
        self._gate = GuardedGate(gate, part)
        part.on_failure.append(repeater.abandon)
        self._tests: Sequence[CollectedTest] = ()
        """Tests by collection index, once the workers have collected."""
        self._is_held = False
        self._passed: set[int] = set()
        """Tests that another plugin repeats and that have run."""
        self.brakes: FailureBrake | None = None
        """Answers the workers under `--maxfail`; None without a limit of failures."""
        if self._gate.is_at_once:
            self.brakes = FailureBrake(
                part.cover(self._is_repeated_there),
                part.cover(repeater.is_last_straw),
                repeater.post,
            )
            part.on_failure.append(self.brakes.let_go)
        self._failed_on: dict[str, int] = {}
        """The test to repeat on each worker, until the worker has been told; by worker."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: pytest.TestReport) -> None:
        """Handle a crash in a test; called before the failure of the test is logged."""
        index = self.repeater.crashed_index(crashitem)
        if self._gate.crash(report, index):
            self._put_back(index, report.node)
        self._failed_on.pop(report.node.gateway.id, None)
        self._hold_or_release()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, Any, Any]:
        """Report, after xdist's loop, the tests as failed that were to be repeated and were not."""
        try:
            return (yield)
        finally:
            if self.brakes is not None:
                self.brakes.stop()
            for report in self._gate.settle():
                session.config.hook.pytest_runtest_logreport(report=report)

    def begin(self, tests: Sequence[CollectedTest]) -> None:
        """Take the tests by collection index; called when the workers have collected."""
        self._tests = tests

    @property
    def has_waiting(self) -> bool:
        """Return whether a failed test waits for another attempt, so nobody knows of it yet."""
        return self._gate.has_waiting

    def _test_of(self, index: int) -> CollectedTest:
        return self._tests[index]

    def _filter(self, report: pytest.TestReport, node: WorkerNode) -> list[pytest.TestReport]:
        index: int = report.item_index
        if is_foreign(report):
            self._pass(report, index)
            return [report]
        reports = self._gate.receive(report, index)
        if report.when == "teardown" or self.brakes is not None:
            self._go_on(report, index, node)
        return reports

    def _let_go_on(self, report: pytest.TestReport, index: int, node: WorkerNode) -> None:
        """Repeat a test whose attempt has ended, if that was decided."""
        if self.brakes is not None:
            self._brake(self.brakes, report, node.gateway.id)
        else:
            self._put_back(index, node)
            if self._rerun_session.n_failed:
                self._hold_or_release()

    def _pass(self, report: pytest.TestReport, index: int) -> None:
        """Count a test that another plugin repeats: other reruns may wait for this count."""
        if report.when == "teardown" and index not in self._passed:
            self._passed.add(index)
            self._rerun_session.note_ran(report.nodeid)
            self._hold_or_release()

    def _brake(self, brakes: FailureBrake, report: pytest.TestReport, worker: str) -> None:
        """Hold the other workers while a test is going to be repeated on its own worker."""
        index: int = report.item_index
        if self._gate.is_due(index):
            self._failed_on[worker] = index
            self.repeater.announce(index)
            brakes.begin(worker)
        elif self._gate.will_repeat(index):
            brakes.begin(worker)
        elif report.when == "teardown":
            brakes.end(worker)

    def _is_repeated_there(self, worker: str) -> bool:
        """Return whether a worker must repeat its last test; it asks after each failure."""
        index = self._failed_on.pop(worker, None)
        return index is not None and self._gate.take_due(index) is not None

    def _put_back(self, index: int, node: WorkerNode) -> None:
        decision = self._gate.take_due(index)
        if decision is not None:
            self.repeater.rerun(node, index, decision.delay_s)

    def _hold_or_release(self) -> None:
        """Hold reruns while it looks as if every test failed; see `is_doubtful`."""
        is_fresh = self._rerun_session.n_ran < self._rerun_session.n_planned
        is_held = self._gate.is_doubtful if is_fresh else self._gate.is_mass_failure
        if is_held != self._is_held:
            self._is_held = is_held
            (self.repeater.hold if is_held else self.repeater.release)()
