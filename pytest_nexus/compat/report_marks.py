"""What nexus attaches to a report for its later readers: recorder, terminal, JUnit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

PHASES: Final = frozenset({"setup", "call", "teardown"})
"""Other plugins report under other names, as pytest-forked and xdist do where a process died."""

RERUN: Final = "nexus_rerun"
"""The sentence with which a failed attempt is repeated; its report has the outcome `rerun`."""

QUARANTINED: Final = "nexus_quarantined"
"""The reason of the quarantine, on a failed report that does not count: skipped with `wasxfail`."""

DEPENDENT: Final = "nexus_dependent"
"""On the reports of a test that failed because of the order, and passed at last."""

_EARLIER: Final = "nexus_earlier"
_DIFFERS: Final = "nexus_differs"
_IS_KNOWN: Final = "nexus_is_known"
_IS_VOID: Final = "nexus_is_void"
_LOGGED_AGAIN: Final = "nexus_logged_again"
_ATTEMPT: Final = "nexus_attempt"
_WAS: Final = "nexus_was"


def mark_rerun(report: Any, reason: str, attempt: int) -> None:
    """Make a failed report the report of an attempt that is repeated, in rerunfailures' terms."""
    setattr(report, _WAS, (report.outcome, report.longrepr))
    report.outcome = "rerun"
    report.rerun = attempt
    setattr(report, RERUN, reason)


def unmark_rerun(report: Any) -> None:
    """Make it what it was, to be logged again; the recorder has seen it."""
    restore(report)
    setattr(report, _LOGGED_AGAIN, True)
    mark_known(report)


def restore(report: Any) -> None:
    """Make it what it was, as if nobody had seen it."""
    report.outcome, report.longrepr = report.__dict__.pop(_WAS, ("failed", report.longrepr))
    report.__dict__.pop(RERUN, None)
    report.__dict__.pop("rerun", None)


def is_logged_again(report: Any) -> bool:
    """Return whether a report was logged as one of a repeated attempt, and is not one."""
    return _LOGGED_AGAIN in report.__dict__


def mark_void(report: Any, *, is_void: bool) -> None:
    """Say whether a subtest counts for nothing, because its test is repeated."""
    setattr(report, _IS_VOID, is_void)


def is_void(report: Any) -> bool:
    """Return whether a subtest counts for nothing."""
    return bool(report.__dict__.get(_IS_VOID))


def mark_attempt(report: Any, number: int) -> None:
    """Attach to the first report of a repeated attempt which attempt it is."""
    setattr(report, _ATTEMPT, number)


def begins_again(report: Any) -> bool:
    """Return whether a report is the first of a second or later attempt."""
    return _ATTEMPT in report.__dict__


def mark_quarantined(report: Any, reason: str) -> None:
    """Make a failed report one that fails no build: what pytest shows for an expected failure."""
    report.outcome = "skipped"
    report.wasxfail = f"quarantined: {reason}"
    setattr(report, QUARANTINED, reason)


def attach_earlier(
    report: Any, failures: Sequence[Any], *, has_failed: bool, differs: bool = False
) -> None:
    """Attach the failed reports of earlier attempts to one of the last attempt.

    Args:
        report: of the last attempt.
        failures: in the order of the attempts.
        has_failed: whether the test has failed in the end.
        differs: whether the first attempt failed in another way than the last one.
    """
    setattr(report, _EARLIER, (tuple(failures), has_failed))
    if differs:
        setattr(report, _DIFFERS, True)


def has_failed_differently(report: Any) -> bool:
    """Return whether the first attempt of a test failed in another way than the last one."""
    return _DIFFERS in report.__dict__


def earlier_failures(report: Any) -> tuple[Any, ...]:
    """Return the failed reports of earlier attempts of the same test in this session."""
    failures: tuple[Any, ...] = getattr(report, _EARLIER, ((), False))[0]
    return failures


def has_failed_in_the_end(report: Any) -> bool:
    """Return whether a test that was repeated has failed for good, by a report of its end."""
    has_failed: bool = getattr(report, _EARLIER, ((), False))[1]
    return has_failed


def mark_dependent(report: Any) -> None:
    """Say that a test failed because of the order of the run."""
    setattr(report, DEPENDENT, True)


def mark_known(report: Any) -> None:
    """Say that the recorder has seen a report."""
    setattr(report, _IS_KNOWN, True)


def is_known(report: Any) -> bool:
    """Return whether the recorder has seen a report, before it was logged."""
    return _IS_KNOWN in report.__dict__


def is_rerun(report: Any) -> bool:
    """Return whether a report is about an attempt that nexus repeats."""
    return RERUN in report.__dict__
