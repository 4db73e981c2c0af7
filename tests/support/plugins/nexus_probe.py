"""A plugin that writes down what pytest itself says happened, to hold nexus against.

Loaded by `Project` with `-p nexus_probe`; it knows nothing of nexus. One JSON line for each test
that starts and for each report, in the order they come, in the file that PROBE_FILE names. An
xdist worker stays silent: its reports arrive at the controller.
"""

from __future__ import annotations

import json
import os

import pytest


class Probe:
    """Writes to the file at once: the session may be killed."""

    def __init__(self, path: str) -> None:
        self._path = path

    def _write(self, **entry: object) -> None:
        with open(self._path, "a", encoding="utf-8") as file:  # noqa: PTH123 - tests patch pathlib
            file.write(json.dumps(entry) + "\n")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._write(started=nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._write(
            nodeid=report.nodeid,
            when=report.when,
            outcome=report.outcome,
            xfail=hasattr(report, "wasxfail"),
            subtest=hasattr(report, "context"),
        )


def pytest_configure(config: pytest.Config) -> None:
    path = os.environ.get("PROBE_FILE")
    if path and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Probe(path), "nexus-probe")
