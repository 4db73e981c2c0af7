"""Reruns under xdist: the desk on the controller, fed with the reports of all workers."""

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
        healer: the policy with what is known, and its books.
        failure_of: describes a failed report.
        record: takes a report that is not logged.
        part: of the net, which is off where the reruns fail.
        dependents: tests that may depend on the order; None where nothing is done about these.
    """

    def __init__(
        self,
        healer: RerunSession,
        failure_of: Callable[[pytest.TestReport], Failure],
        record: Callable[[pytest.TestReport], None],
        part: Part,
        dependents: OrderDependents | None = None,
    ) -> None:
        self._healer = healer
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
        desk = ReportGate(healer, host, dependents)
        self._desk = GuardedGate(desk, part)
        part.on_failure.append(repeater.abandon)
        self._tests: Sequence[CollectedTest] = ()
        """By collection index, once the workers have collected."""
        self._is_held = False
        self._passed: set[int] = set()
        """Tests that another plugin repeats, once they have run."""
        self.brakes: FailureBrake | None = None
        """Where failures are limited."""
        if self._desk.is_at_once:
            self.brakes = FailureBrake(
                part.cover(self._is_repeated_there),
                part.cover(repeater.is_last_straw),
                repeater.post,
            )
            part.on_failure.append(self.brakes.let_go)
        self._failed_on: dict[str, int] = {}
        """By worker: the test that is repeated there, unless that was told already."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: pytest.TestReport) -> None:
        """Called when a worker died in a test, before its failure is logged."""
        index = self.repeater.crashed_index(crashitem)
        if self._desk.crash(report, index):
            self._put_back(index, report.node)
        self._failed_on.pop(report.node.gateway.id, None)
        self._hold_or_release()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, Any, Any]:
        """Around xdist's loop: report as failed what was to be repeated and was not."""
        try:
            return (yield)
        finally:
            if self.brakes is not None:
                self.brakes.stop()
            for report in self._desk.settle():
                session.config.hook.pytest_runtest_logreport(report=report)

    def begin(self, tests: Sequence[CollectedTest]) -> None:
        """Take the tests by collection index; called when the workers have collected."""
        self._tests = tests

    def _test_of(self, index: int) -> CollectedTest:
        return self._tests[index]

    def _filter(self, report: pytest.TestReport, node: WorkerNode) -> list[pytest.TestReport]:
        index: int = report.item_index
        if is_foreign(report):
            self._pass(report, index)
            return [report]
        reports = self._desk.receive(report, index)
        if report.when == "teardown" or self.brakes is not None:
            self._go_on(report, index, node)
        return reports

    def _let_go_on(self, report: pytest.TestReport, index: int, node: WorkerNode) -> None:
        """Let a test whose attempt has ended be repeated, where that was decided."""
        if self.brakes is not None:
            self._brake(self.brakes, report, node.gateway.id)
        else:
            self._put_back(index, node)
            if self._healer.n_failed:
                self._hold_or_release()

    def _pass(self, report: pytest.TestReport, index: int) -> None:
        """Count a test that another plugin repeats: reruns of others may wait for it."""
        if report.when == "teardown" and index not in self._passed:
            self._passed.add(index)
            self._healer.note_ran(report.nodeid)
            self._hold_or_release()

    def _brake(self, brakes: FailureBrake, report: pytest.TestReport, worker: str) -> None:
        """Hold the others while a test is to be repeated on its own worker."""
        index: int = report.item_index
        if self._desk.is_due(index):
            self._failed_on[worker] = index
            self.repeater.announce(index)
            brakes.begin(worker)
        elif self._desk.will_repeat(index):
            brakes.begin(worker)
        elif report.when == "teardown":
            brakes.end(worker)

    def _is_repeated_there(self, worker: str) -> bool:
        """Return whether a worker is to run its last test again, which it asks after a failure."""
        index = self._failed_on.pop(worker, None)
        return index is not None and self._desk.take_due(index) is not None

    def _put_back(self, index: int, node: WorkerNode) -> None:
        decision = self._desk.take_due(index)
        if decision is not None:
            self.repeater.rerun(node, index, decision.delay_s)

    def _hold_or_release(self) -> None:
        """Keep reruns back while it looks as if everything failed; see `is_doubtful`."""
        is_fresh = self._healer.n_ran < self._healer.n_planned
        is_held = self._desk.is_doubtful if is_fresh else self._desk.is_mass_failure
        if is_held != self._is_held:
            self._is_held = is_held
            (self.repeater.hold if is_held else self.repeater.release)()
