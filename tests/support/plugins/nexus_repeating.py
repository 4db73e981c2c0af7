"""Registers the scheduler and the repeater alone, and repeats what its options say.

The filter keeps all reports of an attempt until its tear-down. A failed attempt is then logged as
the outcome `rerun` if it is repeated, as failed if not, and a test that was to be repeated when
the session ended as failed too. `attempts.json` has every attempt: name, worker, outcome.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.plan.dispatch.units import make_workload
from pytest_nexus.run.xdist.collection_channel import CollectionChannels
from pytest_nexus.run.xdist.report_filter import ReportFilter
from pytest_nexus.run.xdist.scheduler_factory import SchedulerFactory

if TYPE_CHECKING:
    from collections.abc import Iterator


class Desk:
    """Repeats each failed test up to so many times; on the controller."""

    def __init__(self, config: pytest.Config) -> None:
        self.repeater = ReportFilter(self.filter)
        self.attempts: list[tuple[str, str, str]] = []
        self.limit = config.getoption("--repeats")
        self.delay_s = config.getoption("--repeat-delay")
        self.hold_at = config.getoption("--hold-at")
        self.open: dict[int, list[pytest.TestReport]] = {}
        self.failures: dict[int, int] = {}
        self.pending: dict[int, pytest.TestReport] = {}
        self.n_logged = 0

    def filter(self, report: pytest.TestReport, node: Any) -> list[pytest.TestReport]:
        index = report.item_index
        reports = self.open.setdefault(index, [])
        reports.append(report)
        if report.when != "teardown":
            return []
        del self.open[index]
        self.pending.pop(index, None)
        bad = [one for one in reports if one.failed]
        self.note(report, node, "failed" if bad else "passed")
        if bad and self.repeats(index) and self.repeater.rerun(node, index, self.delay_s):
            self.pending[index] = bad[0]
            return []
        return reports

    def note(self, report: pytest.TestReport, node: Any, outcome: str) -> None:
        name = report.nodeid.rpartition("::")[2]
        self.attempts.append((name, node.gateway.id, outcome))
        if len(self.attempts) == self.hold_at:
            self.repeater.hold()

    def repeats(self, index: int) -> bool:
        self.failures[index] = self.failures.get(index, 0) + 1
        return self.failures[index] <= self.limit

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: pytest.TestReport) -> None:
        index = self.repeater.crashed_index(crashitem)
        self.note(report, report.node, "crashed")
        self.open.pop(index, None)
        if self.repeats(index) and self.repeater.rerun(report.node, index, self.delay_s):
            self.pending[index] = report
            report.outcome = "rerun"

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Iterator[None]:
        try:
            return (yield)
        finally:
            for report in self.pending.values():
                report.outcome = "failed"
                self.repeater._log_report(node=report.node, rep=report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.n_logged += report.when == "teardown"

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        (session.config.rootpath / "attempts.json").write_text(json.dumps(self.attempts), "utf-8")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--repeats", type=int, default=1)
    parser.addoption("--repeat-delay", type=float, default=0.0)
    parser.addoption("--hold-at", type=int, default=-1)


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return  # nexus registers there what the controller asks for

    def planner(tests, tied):
        return make_workload(tied, range(len(tests)), [0.01] * len(tests), {})

    channels = CollectionChannels()
    gate = Desk(config)
    config.pluginmanager.register(channels)
    config.pluginmanager.register(gate.repeater)
    config.pluginmanager.register(gate)
    config.pluginmanager.register(SchedulerFactory(planner, channels, print, gate.repeater))
