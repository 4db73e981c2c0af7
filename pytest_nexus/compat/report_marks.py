"""Attributes that nexus adds to reports, for the recorder, the terminal and the JUnit file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

PHASES: Final = frozenset({"setup", "call", "teardown"})
"""The phases of pytest. pytest-forked and xdist use other names when a process died."""

RERUN: Final = "nexus_rerun"
"""The reason why a failed attempt is repeated; its report has the outcome `rerun`."""

QUARANTINED: Final = "nexus_quarantined"
"""The reason of a quarantine, on a failed report that does not count: skipped with `wasxfail`."""

DEPENDENT: Final = "nexus_dependent"
"""Marks the reports of a test that failed because of the order, and passed in the end."""

_EARLIER: Final = "nexus_earlier"
_DIFFERS: Final = "nexus_differs"
_IS_KNOWN: Final = "nexus_is_known"
_IS_VOID: Final = "nexus_is_void"
_LOGGED_AGAIN: Final = "nexus_logged_again"
_ATTEMPT: Final = "nexus_attempt"
_WAS: Final = "nexus_was"


def mark_rerun(report: Any, reason: str, attempt: int) -> None:
    """Turn a failed report into the report of a repeated attempt, in the form of rerunfailures."""
    setattr(report, _WAS, (report.outcome, report.longrepr))
    report.outcome = "rerun"
    report.rerun = attempt
    setattr(report, RERUN, reason)


def unmark_rerun(report: Any) -> None:
    """Restore a failed report so that it is logged again; the recorder has seen the report."""
    restore(report)
    setattr(report, _LOGGED_AGAIN, True)
    mark_known(report)


def restore(report: Any) -> None:
    """Restore a failed report as if no plugin had seen it."""
    report.outcome, report.longrepr = report.__dict__.pop(_WAS, ("failed", report.longrepr))
    report.__dict__.pop(RERUN, None)
    report.__dict__.pop("rerun", None)


def is_logged_again(report: Any) -> bool:
    """Return whether a report was logged as a repeated attempt, but is no longer one."""
    return _LOGGED_AGAIN in report.__dict__


def mark_void(report: Any, *, is_void: bool) -> None:
    """Set whether a subtest does not count, because its test is repeated."""
    setattr(report, _IS_VOID, is_void)


def is_void(report: Any) -> bool:
    """Return whether a subtest does not count."""
    return bool(report.__dict__.get(_IS_VOID))


def mark_attempt(report: Any, number: int) -> None:
    """Attach the attempt number to the first report of a repeated attempt."""
    setattr(report, _ATTEMPT, number)


def begins_again(report: Any) -> bool:
    """Return whether a report is the first of a second or later attempt."""
    return _ATTEMPT in report.__dict__


def mark_quarantined(report: Any, reason: str) -> None:
    """Turn a failed report into an expected failure, which does not fail the build."""
    report.outcome = "skipped"
    report.wasxfail = f"quarantined: {reason}"
    setattr(report, QUARANTINED, reason)


def attach_earlier(
    report: Any, failures: Sequence[Any], *, has_failed: bool, differs: bool = False
) -> None:
    """Attach the failed reports of earlier attempts to a report of the last attempt.

    Args:
        report: a report of the last attempt.
        failures: the failed reports, in the order of the attempts.
        has_failed: whether the test failed in the end.
        differs: whether the first and the last attempt failed differently.
    """
    setattr(report, _EARLIER, (tuple(failures), has_failed))
    if differs:
        setattr(report, _DIFFERS, True)


def has_failed_differently(report: Any) -> bool:
    """Return whether the first attempt of a test failed differently from the last attempt."""
    return _DIFFERS in report.__dict__


def earlier_failures(report: Any) -> tuple[Any, ...]:
    """Return the failed reports of earlier attempts of the same test in this session."""
    failures: tuple[Any, ...] = getattr(report, _EARLIER, ((), False))[0]
    return failures


def has_failed_in_the_end(report: Any) -> bool:
    """Return whether a repeated test failed in the end, according to its last report."""
    has_failed: bool = getattr(report, _EARLIER, ((), False))[1]
    return has_failed


def mark_dependent(report: Any) -> None:
    """Mark a report of a test that failed because of the order of the run."""
    setattr(report, DEPENDENT, True)


def mark_known(report: Any) -> None:
    """Mark a report as seen by the recorder."""
    setattr(report, _IS_KNOWN, True)


def is_known(report: Any) -> bool:
    """Return whether the recorder saw a report before it was logged."""
    return _IS_KNOWN in report.__dict__


def is_rerun(report: Any) -> bool:
    """Return whether a report belongs to an attempt that nexus repeats."""
    return RERUN in report.__dict__
