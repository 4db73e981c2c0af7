"""Watches items where they run: in the single process, or in each xdist worker."""

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
"""Where a worker says how many tests were left out."""


class Observer:
    """Sees each phase with its item and its exception, before pytest makes the report.

    A plain hook that returns None instead of a wrapper: it runs three times for every test.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._item: pytest.Item | None = None
        self.failures: dict[str, Failure] = {}
        """By phase, of the attempt that runs now; taken by whoever handles the report.

        Retry engines make the reports of all phases before they hand on the first."""

    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[Any]) -> None:
        """Note who runs and why it failed; leave the report to pytest.

        Not `tryfirst`: pytest's own hook of that kind brings in the exceptions of unittest.
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
        """Return the identity of the item that runs now; None if it has another node id."""
        item = self._item
        return identify(item) if item is not None and item.nodeid == nodeid else None


class WorkerObserver(Observer):
    """Sends what it saw to the controller, as attributes of the reports that go there anyway."""

    def __init__(
        self,
        root: Path,
        on_failure: Callable[[pytest.TestReport, pytest.Item], None] | None = None,
    ) -> None:
        super().__init__(root)
        self._deselected = 0
        self._on_failure = on_failure
        """Attaches to a failed report what else the controller is to know."""

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """Count what `-k`, `-m` and others left out."""
        self._deselected += len(items)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Add the count to what xdist sends when this hook is done."""
        cast("Any", session.config).workeroutput[DESELECTED] = self._deselected

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Attach to a report what the controller cannot know; called before xdist sends it."""
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
        if report.when == "teardown":  # of a call that a retry engine made no report of
            return self.failures.pop("call", None)
        return None


def is_failure(report: pytest.TestReport) -> bool:
    """Return whether a phase failed: also one reported as `rerun`, or in quarantine."""
    return report.outcome not in ("passed", "skipped") or QUARANTINED in report.__dict__


def _says_more(identity: Identity, report: pytest.TestReport) -> bool:
    return {identity.key, identity.function_key} != {report.nodeid}


def sent_identity(report: pytest.TestReport) -> Identity:
    """Return the identity that a worker attached; the node id itself where it attached none."""
    sent = getattr(report, IDENTITY_ATTRIBUTE, None)
    if sent is None:
        return Identity(TestKey(report.nodeid), FunctionKey(report.nodeid))
    return Identity(TestKey(sent[0]), FunctionKey(sent[1]))


def sent_failure(report: pytest.TestReport) -> Failure | None:
    """Return the failure that a worker attached."""
    sent = getattr(report, FAILURE_ATTRIBUTE, None)
    return Failure(*sent) if sent is not None else None
