"""Reruns under xdist: the desk on the controller, what it must know of the items in each worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_nexus.run.desk import RerunDesk
from pytest_nexus.run.markers import RerunRule, rerun_rule
from pytest_nexus.run.repeater import Repeater

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from pytest_nexus.healing import Healer
    from pytest_nexus.records import CollectedTest, Failure
    from pytest_nexus.run.xdist_seam import WorkerNode

_RULE: Final = "nexus_rule"
_IS_FOREIGN: Final = "nexus_is_foreign"


class WorkerReruns:
    """Decides about the reports of all workers; registered on the controller.

    Args:
        healer: the policy with what is known, and its books.
        failure_of: describes a failed report.
        record: takes a report that is not logged.
    """

    def __init__(
        self,
        healer: Healer,
        failure_of: Callable[[pytest.TestReport], Failure],
        record: Callable[[pytest.TestReport], None],
    ) -> None:
        self._healer = healer
        self._desk = RerunDesk(healer, self._test_of, _sent_rule, failure_of, record)
        self.repeater = Repeater(self._filter)
        self.tests: Sequence[CollectedTest] = ()
        """By collection index, once the workers have collected."""
        self._is_held = False

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: pytest.TestReport) -> None:
        """Called when a worker died in a test, before its failure is logged."""
        index = self.repeater.crashed_index(crashitem)
        if self._desk.crash(report, index):
            self._put_back(index, report.node)
        self._hold_or_release()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, Any, Any]:
        """Around xdist's loop: report as failed what was to be repeated and was not."""
        try:
            return (yield)
        finally:
            for report in self._desk.settle():
                session.config.hook.pytest_runtest_logreport(report=report)

    def _test_of(self, index: int) -> CollectedTest:
        return self.tests[index]

    def _filter(self, report: pytest.TestReport, node: WorkerNode) -> list[pytest.TestReport]:
        if _IS_FOREIGN in report.__dict__:
            return [report]
        index: int = report.item_index
        reports = self._desk.receive(report, index)
        if report.when == "teardown":
            self._put_back(index, node)
            self._hold_or_release()
        return reports

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


class RuleSender:
    """Attaches to failed reports what the marker of the test says; registered in each worker.

    Args:
        is_foreign: whether another plugin repeats a test, where one is there that could.
    """

    def __init__(self, is_foreign: Callable[[pytest.Item], bool] | None) -> None:
        self._is_foreign = is_foreign
        self._item: pytest.Item | None = None
        self._rests = False
        """Whether the item that runs is another plugin's to repeat."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Note the item that runs."""
        self._item = item
        self._rests = self._is_foreign is not None and self._is_foreign(item)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called before xdist sends the report."""
        if self._rests:
            setattr(report, _IS_FOREIGN, True)
        elif report.outcome == "failed" and self._item is not None:
            rule = rerun_rule(self._item)
            if rule is not None:
                setattr(report, _RULE, [getattr(rule, name) for name in RerunRule.__slots__])


def _sent_rule(report: pytest.TestReport, _: int) -> RerunRule | None:
    sent = report.__dict__.get(_RULE)
    if sent is None:
        return None
    reruns, delay_s, only, excepted, backoff = sent
    return RerunRule(reruns, delay_s, tuple(only), tuple(excepted), backoff)
