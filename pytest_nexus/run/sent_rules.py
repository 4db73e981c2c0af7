"""What the marker of a test says about reruns, sent by the worker that has the item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from pytest_nexus.run.markers import RerunRule, rerun_rule

if TYPE_CHECKING:
    from collections.abc import Callable

_RULE: Final = "nexus_rule"
_IS_FOREIGN: Final = "nexus_is_foreign"


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


def is_foreign(report: pytest.TestReport) -> bool:
    """Return whether a report is of a test that another plugin repeats."""
    return _IS_FOREIGN in report.__dict__


def sent_rule(report: pytest.TestReport, _: int) -> RerunRule | None:
    """Return what a worker attached; None where the test has no marker of ours."""
    sent = report.__dict__.get(_RULE)
    if sent is None:
        return None
    reruns, delay_s, only, excepted, backoff = sent
    return RerunRule(reruns, delay_s, tuple(only), tuple(excepted), backoff)
