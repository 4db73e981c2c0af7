"""Tear down the session after the last test, where it was not known that no test follows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.compat.report_marks import mark_known

if TYPE_CHECKING:
    from collections.abc import Callable

_AFTER_ALL = "nexus_after_all"


def tear_down_session(item: pytest.Item) -> None:
    """Tear down the session; report an error as an error of the last test, as pytest does.

    Args:
        item: the test that ran last.
    """
    tear_down = partial(_tear_down_of(item.config), item=item, nextitem=None)
    endings = (pytest.exit.Exception, KeyboardInterrupt)
    call = pytest.CallInfo.from_call(tear_down, "teardown", reraise=endings)
    if call.excinfo is not None:
        report = item.ihook.pytest_runtest_makereport(item=item, call=call)
        setattr(report, _AFTER_ALL, True)
        mark_known(report)  # the report belongs to no attempt
        item.ihook.pytest_runtest_logreport(report=report)


def is_after_all(report: pytest.TestReport) -> bool:
    """Return whether a report is of the session's tear-down, after its test was torn down."""
    return _AFTER_ALL in report.__dict__


def _tear_down_of(config: pytest.Config) -> Callable[..., Any]:
    """Return the tear-down hook without what other plugins do once after each test."""
    manager = config.pluginmanager
    needed = {manager.get_plugin("runner"), manager.get_plugin("capturemanager")}
    others = [plugin for plugin in manager.get_plugins() if plugin not in needed]
    return manager.subset_hook_caller("pytest_runtest_teardown", others)
