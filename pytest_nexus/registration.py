"""Registers the session objects of an enabled session, each with the hooks of one feature."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_nexus.options import read_options
from pytest_nexus.pipeline import Pipeline
from pytest_nexus.record.observer import Observer, WorkerObserver
from pytest_nexus.record.recorder import Recorder
from pytest_nexus.record.session import is_distributed
from pytest_nexus.report.terminal import TerminalReport
from pytest_nexus.run.collection import Ordering

if TYPE_CHECKING:
    from pathlib import Path

_NO_CALL: Final = "no test is called under --setup-only and --setup-plan"
_NOT_RECORDED: Final = {
    "collectonly": "nothing runs under --collect-only",
    "setuponly": _NO_CALL,
    "setupplan": _NO_CALL,
    "showfixtures": "nothing runs under --fixtures",
    "show_fixtures_per_test": "nothing runs under --fixtures-per-test",
    "cacheshow": "nothing runs under --cache-show",
    "looponfail": "sessions under --looponfail are not recorded",
}
"""By the name of pytest's option: why such a session teaches nothing."""


class WorkerInput:
    """Tells each xdist worker what the controller decided."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Called on the controller for each worker before it starts."""
        node.workerinput["nexus"] = {"root": str(node.config.rootpath)}


def register_session(config: pytest.Config) -> None:
    """Register recording, order and report in the single process or on xdist's controller.

    Raises:
        pytest.UsageError: an option has a value that is not allowed.
    """
    options = read_options(config)
    reason = not_recorded(config)
    if reason:
        options = replace(options, ingest=False)  # such a session leaves nothing behind
    pipeline = Pipeline(options, config.rootpath, os.environ)
    config.pluginmanager.register(TerminalReport(pipeline), "nexus-report")
    if reason:
        pipeline.lose(reason)
        return
    distributed = is_distributed(config)
    observer = None if distributed else Observer(config.rootpath)
    config.pluginmanager.register(Recorder(pipeline, observer), "nexus-recorder")
    if distributed:
        config.pluginmanager.register(WorkerInput(), "nexus-worker-input")
        return
    config.pluginmanager.register(observer, "nexus-observer")
    if pipeline.options.order == "risk":
        config.pluginmanager.register(Ordering(pipeline), "nexus-ordering")


def register_worker(config: pytest.Config) -> None:
    """Register what a worker must see for the controller."""
    root: Path = config.rootpath
    config.pluginmanager.register(WorkerObserver(root), "nexus-observer")


def not_recorded(config: pytest.Config) -> str:
    """Return why this kind of session teaches nothing about the tests; empty if it does."""
    for name, reason in _NOT_RECORDED.items():
        if getattr(config.option, name, False):
            return reason
    if str(getattr(config.option, "dist", "no")) == "each":
        return "--dist=each runs every test on every worker, which is not recorded"
    return ""
