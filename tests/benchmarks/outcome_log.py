"""A plugin of pytest that writes what happened in a session to a file beside itself.

The benchmarks copy this file out of the repository, so that a peer's environment can load the file
alone. Nothing here depends on pytest-nexus: the plan is known only where nexus makes one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

RESULT = Path(__file__).with_name("session.json")
RUN_ALL = Path(__file__).with_name("run-all")
"""If this file exists, tests that nexus leaves out run nevertheless."""

_seen: dict[str, Any] = {"outcomes": {}, "verdicts": {}, "errors": 0}
_all: list[pytest.Item] = []


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep all items in their order."""
    _all[:] = items


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Put the tests back that nexus leaves out, if that is asked for."""
    if RUN_ALL.exists():
        kept = {item.nodeid for item in session.items}
        reused = {name for name, (action, _) in _seen["verdicts"].items() if action == "reuse"}
        session.items[:] = [item for item in _all if item.nodeid in kept | reused]


@pytest.hookimpl(optionalhook=True)
def pytest_nexus_plan(plan: Any) -> None:
    """Note the verdict on each test."""
    for one in plan.tests:
        _seen["verdicts"][one.test.nodeid] = [one.verdict.action, one.verdict.reason]


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Count what cannot be collected."""
    _seen["errors"] += report.outcome == "failed"


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note the outcome of a test, and its seconds with set-up and tear-down."""
    found = _seen["outcomes"].setdefault(report.nodeid, ["", 0.0])
    found[1] += report.duration
    if report.when == "call" or report.outcome != "passed":
        word = report.outcome
        if hasattr(report, "wasxfail"):
            word = "xfailed" if word == "skipped" else "xpassed"
        found[0] = word if report.when == "call" or word == "skipped" else "error"


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(exitstatus: int) -> None:
    """Write the file."""
    RESULT.write_text(json.dumps(_seen | {"status": int(exitstatus)}), encoding="utf-8")
