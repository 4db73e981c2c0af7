"""Decide which failures are never repeated, whatever the policy; return the reason, or empty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.run.reruns.attempt_in_progress import has_passed_unexpectedly
from pytest_nexus.run.reruns.markers import text_of

if TYPE_CHECKING:
    import pytest

    from pytest_nexus.domain.records import Failure
    from pytest_nexus.run.reruns.markers import RerunRule

_NEVER: Final = frozenset({"SystemExit", "KeyboardInterrupt"})
"""Exceptions that ask for an end, not for another attempt."""

ENDS: Final = "not repeated: the session ended before"
TOO_MANY: Final = "not repeated: too many tests failed"
NOT_IN_ORDER: Final = "failed again; no fresh process could run it in the order of the collection"
STANDS: Final = "failed, and was not run to its end when it was repeated"
_NOT_HERE: Final = "not repeated: its worker crashed, and a limit of failures is set"
_BY_MARKER: Final = "its marker does not repeat such a failure"


def refusal_of_crash(number: int, *, is_at_once: bool) -> str:
    """Return why a test in which a worker crashed is not repeated.

    Args:
        number: of the attempt, counted from 1.
        is_at_once: whether the test would have to be repeated on that worker.
    """
    if is_at_once:
        return _NOT_HERE
    return "its worker crashed twice" if number > 1 else ""


def refusal(report: pytest.TestReport, failure: Failure, rule: RerunRule | None) -> str:
    """Return why the first failure of an attempt is not repeated; empty if it may be."""
    if failure.exception in _NEVER or has_passed_unexpectedly(report):
        return f"not repeated: {failure.exception or 'it passed and was expected to fail'}"
    if rule is None or rule.obstacle:
        return "" if rule is None else rule.obstacle
    return "" if rule.allows(text_of(report, failure)) else _BY_MARKER


def later_refusal(report: pytest.TestReport, failure: Failure, rule: RerunRule | None) -> str:
    """Return why a later failure of an attempt forbids its repetition; empty if it does not."""
    if failure.exception in _NEVER:
        return f"not repeated: {failure.exception}"
    if rule is not None and rule.forbids(text_of(report, failure)):
        return _BY_MARKER
    return ""


def leaves_doubt(report: pytest.TestReport) -> bool:
    """Return whether an attempt did not run to its end, so that an earlier failure stands.

    A test that skips itself has run to its intended end.
    """
    return report.outcome == "skipped" and (report.when == "setup" or hasattr(report, "wasxfail"))
