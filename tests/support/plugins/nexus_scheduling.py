"""Registers the scheduler alone, and notes which worker ran what."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pytest_nexus.plan.dispatch.units import make_workload
from pytest_nexus.run.xdist.collection_channel import CollectionChannels
from pytest_nexus.run.xdist.scheduler_factory import SchedulerFactory

if TYPE_CHECKING:
    import pytest


class Ran:
    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            self.calls.append((report.nodeid.rpartition("::")[2], report.node.gateway.id))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        (session.config.rootpath / "ran.json").write_text(json.dumps(self.calls), "utf-8")


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return  # nexus itself describes the tests where a worker got a channel
    known = config.rootpath / "seconds.json"
    seconds = json.loads(known.read_text("utf-8")) if known.exists() else {}

    def planner(tests, tied):
        expected = [seconds.get(test.nodeid.rpartition("::")[2], 0.01) for test in tests]
        return make_workload(tied, range(len(tests)), expected, {})

    channels = CollectionChannels()
    if not (config.rootpath / "silent").exists():
        config.pluginmanager.register(channels)
    config.pluginmanager.register(SchedulerFactory(planner, channels, print))
    config.pluginmanager.register(Ran())
