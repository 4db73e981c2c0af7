"""What the marker of a test says about reruns, sent by the worker that has the item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from pytest_nexus.run.reruns.markers import RerunRule, rerun_rule

if TYPE_CHECKING:
    from collections.abc import Callable

_RULE: Final = "nexus_rule"
_IS_FOREIGN: Final = "nexus_is_foreign"


class ForeignMarker:
    """Marks the reports of tests that another plugin repeats; in workers that have such a plugin.

    Args:
        is_foreign: whether another plugin repeats a test.
    """

    def __init__(self, is_foreign: Callable[[pytest.Item], bool]) -> None:
        self._is_foreign = is_foreign
        self._rests = False
        """Whether the item that runs is another plugin's to repeat."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Note whose the item is."""
        self._rests = self._is_foreign(item)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called before xdist sends the report."""
        if self._rests:
            setattr(report, _IS_FOREIGN, True)


def attach_rule(report: pytest.TestReport, item: pytest.Item) -> None:
    """Attach to a failed report what the marker of its test says."""
    rule = rerun_rule(item)
    if rule is not None:
        setattr(report, _RULE, [getattr(rule, name) for name in RerunRule._fields])


def is_foreign(report: pytest.TestReport) -> bool:
    """Return whether a report is of a test that another plugin repeats."""
    return _IS_FOREIGN in report.__dict__


def sent_rule(report: pytest.TestReport, _: int) -> RerunRule | None:
    """Return what a worker attached; None where the test has no marker of ours."""
    sent = report.__dict__.get(_RULE)
    if sent is None:
        return None
    reruns, delay_s, only, excepted, backoff, obstacle = sent
    return RerunRule(reruns, delay_s, tuple(only), tuple(excepted), backoff, obstacle)
