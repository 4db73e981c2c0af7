"""Send the rerun rule in a test's marker from the worker, which has the item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from pytest_nexus.run.reruns.markers import RerunRule, rerun_rule

if TYPE_CHECKING:
    from collections.abc import Callable

_RULE: Final = "nexus_rule"
_IS_FOREIGN: Final = "nexus_is_foreign"


class ForeignMarker:
    """Marks the reports of tests that another plugin repeats, in workers with such a plugin.

    Args:
        is_foreign: whether another plugin repeats a test.
    """

    def __init__(self, is_foreign: Callable[[pytest.Item], bool]) -> None:
        self._is_foreign = is_foreign
        self._rests = False
        """Whether another plugin repeats the running item."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Note whether another plugin repeats this item."""
        self._rests = self._is_foreign(item)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Mark a report; called before xdist sends it."""
        if self._rests:
            setattr(report, _IS_FOREIGN, True)


def attach_rule(report: pytest.TestReport, item: pytest.Item) -> None:
    """Attach the rerun rule of a test's marker to its failed report."""
    rule = rerun_rule(item)
    if rule is not None:
        setattr(report, _RULE, [getattr(rule, name) for name in RerunRule._fields])


def is_foreign(report: pytest.TestReport) -> bool:
    """Return whether a report is of a test that another plugin repeats."""
    return _IS_FOREIGN in report.__dict__


def sent_rule(report: pytest.TestReport, _: int) -> RerunRule | None:
    """Return the rule that a worker attached; None if the test has no marker of ours."""
    sent = report.__dict__.get(_RULE)
    if sent is None:
        return None
    reruns, delay_s, only, excepted, backoff, obstacle = sent
    return RerunRule(reruns, delay_s, tuple(only), tuple(excepted), backoff, obstacle)
