"""A plugin for `pytest -p` that runs some tests of a suite in collection order.

It is loaded in the process that `run.fresh_process.process` starts. `collection_order_plugin`
beside it prevents shuffles and workers. This plugin turns off whatever would leave files for the
user.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_nexus.domain.system import originals
from pytest_nexus.domain.system.originals import dumps, loads
from pytest_nexus.record.observer import WorkerObserver
from pytest_nexus.run.fresh_process.process import CONTEXT_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

_FILES: Final = (
    "basetemp",
    "xmlpath",
    "log_file",
    "htmlpath",
    "report_log",
    "json_report",
    "allure_report_dir",
    "csv_path",
    "store_durations",
    "testmon",
)
"""Options of pytest and its plugins that write or remove files."""


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Turn off options that would overwrite the files of the waiting session."""
    for name in _FILES:
        if getattr(config.option, name, None):
            setattr(config.option, name, None)


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Register the object that runs the tests, after all plugins are loaded."""
    asked = originals.environ.get(CONTEXT_VARIABLE)
    if not asked:
        return
    plugins = session.config.pluginmanager
    plugins.register(WorkerObserver(session.config.rootpath), "nexus-context-observer")
    plugins.register(Context(session.config, loads(asked)), "nexus-context")


class Context:
    """Holds the tests to run, and writes the reports of the targets to the terminal."""

    def __init__(self, config: pytest.Config, asked: dict[str, Any]) -> None:
        self._config = config
        self._targets = frozenset(asked["targets"])
        self._reach: str = asked["reach"]
        self._times: int = asked["times"]
        self._token: str = asked["token"]
        self._parent = os.getppid()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None]:
        """Keep the targets and the tests that lead up to them, after every other plugin."""
        yield
        items[:] = leading(items, self._targets, self._reach)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run each test several times if requested, with a full tear-down in between."""
        if self._times == 1:
            return None
        for item in session.items:
            for _ in range(self._times):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        return True

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """End the session if the session that waits for it was killed."""
        if os.getppid() != self._parent:
            item.session.shouldstop = "nobody waits for this session"

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write the report of a target, in the form that xdist's workers send."""
        if report.nodeid not in self._targets:
            return
        hook = self._config.hook
        data = hook.pytest_report_to_serializable(config=self._config, report=report)
        line = f"{self._token}{dumps(data)}"
        writer: Any = self._config.get_terminal_writer()
        writer.line()
        writer.line(line)


def leading(items: Iterable[pytest.Item], targets: frozenset[str], reach: str) -> list[pytest.Item]:
    """Return the targets with their predecessors: in the suite, in their files, or none."""
    items = list(items)
    if reach == "alone":
        return [item for item in items if item.nodeid in targets]
    places: dict[str, int] = {}
    for place, item in enumerate(items):
        if item.nodeid in targets:
            places[_file(item)] = place
    if reach == "files":
        return [item for place, item in enumerate(items) if place <= places.get(_file(item), -1)]
    return items[: max(places.values(), default=-1) + 1]


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]
