"""Watch items where they run: in the single process, or in each xdist worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, cast

import pytest

from pytest_nexus.compat.report_marks import QUARANTINED
from pytest_nexus.domain.identity import Identity, identify
from pytest_nexus.domain.records import Failure, FunctionKey, TestKey

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

IDENTITY_ATTRIBUTE: Final = "nexus_identity"
FAILURE_ATTRIBUTE: Final = "nexus_failure"
DESELECTED: Final = "nexus_deselected"
"""Key under which a worker reports how many tests were deselected."""


class Observer:
    """Sees each phase with its item and its exception, before pytest makes the report.

    The hook is a plain function that returns None, not a wrapper, because it runs three times for
    every test.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._item: pytest.Item | None = None
        self.failures: dict[str, Failure] = {}
        """Failures of the running attempt by phase; taken by the handler of the report.

        Retry engines make the reports of all phases before they pass on the first report."""

    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[Any]) -> None:
        """Note which item runs and why it failed; pytest makes the report.

        This hook is not `tryfirst`: pytest's own `tryfirst` hook brings in the exceptions of
        unittest.
        """
        if call.when == "setup":
            self._item = item
            if self.failures:
                self.failures.clear()
        if call.excinfo is not None:
            self._note_exception(item, call.when, call.excinfo)

    def _note_exception(
        self, item: pytest.Item, when: str, excinfo: pytest.ExceptionInfo[BaseException]
    ) -> None:
        from pytest_nexus.record.failure import (  # noqa: PLC0415 - where something fails
            describe,
            is_skip,
        )

        if not is_skip(excinfo):
            phase = cast("Literal['setup', 'call', 'teardown']", when)
            self.failures[phase] = describe(item, phase, excinfo, self._root)

    def identity_of(self, nodeid: str) -> Identity | None:
        """Return the identity of the running item; None if the item has another node id."""
        item = self._item
        return identify(item) if item is not None and item.nodeid == nodeid else None


class WorkerObserver(Observer):
    """Sends its observations to the controller, as attributes of reports that go there anyway."""

    def __init__(
        self,
        root: Path,
        on_failure: Callable[[pytest.TestReport, pytest.Item], None] | None = None,
    ) -> None:
        super().__init__(root)
        self._deselected = 0
        self._on_failure = on_failure
        """Attaches further data for the controller to a failed report."""

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """Count the tests that `-k`, `-m` and other selections left out."""
        self._deselected += len(items)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Add the count to the data that xdist sends after this hook."""
        cast("Any", session.config).workeroutput[DESELECTED] = self._deselected

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Attach the worker's own knowledge to a report; called before xdist sends the report."""
        fields = report.__dict__
        if fields.get("when") == "setup":
            identity = self.identity_of(report.nodeid)
            if identity is not None and _says_more(identity, report):
                setattr(report, IDENTITY_ATTRIBUTE, [identity.key, identity.function_key])
        if self._on_failure is not None and report.failed and self._item is not None:
            self._on_failure(report, self._item)
        if self.failures:
            failure = self._failure_to_send(report)
            if failure is not None:
                values = [getattr(failure, name) for name in Failure._fields]
                setattr(report, FAILURE_ATTRIBUTE, values)

    def _failure_to_send(self, report: pytest.TestReport) -> Failure | None:
        if is_failure(report):
            return self.failures.pop(str(report.when), None)
        if report.when == "teardown":  # after a call for which a retry engine made no report
            return self.failures.pop("call", None)
        return None


def is_failure(report: pytest.TestReport) -> bool:
    """Return whether a phase failed, also if reported as `rerun` or quarantined."""
    return report.outcome not in ("passed", "skipped") or QUARANTINED in report.__dict__


def _says_more(identity: Identity, report: pytest.TestReport) -> bool:
    return {identity.key, identity.function_key} != {report.nodeid}


def sent_identity(report: pytest.TestReport) -> Identity:
    """Return the identity that a worker attached; the node id itself if none is attached."""
    sent = getattr(report, IDENTITY_ATTRIBUTE, None)
    if sent is None:
        return Identity(TestKey(report.nodeid), FunctionKey(report.nodeid))
    return Identity(TestKey(sent[0]), FunctionKey(sent[1]))


def sent_failure(report: pytest.TestReport) -> Failure | None:
    """Return the failure that a worker attached."""
    sent = getattr(report, FAILURE_ATTRIBUTE, None)
    return Failure(*sent) if sent is not None else None
