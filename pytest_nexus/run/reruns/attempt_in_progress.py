"""An attempt that is still running, and the data that the ReportGate keeps about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.compat.report_marks import mark_void, unmark_rerun

if TYPE_CHECKING:
    import pytest

    from pytest_nexus.plan.reruns.rerun_policy import Decision

_PASSED_UNEXPECTEDLY: Final = ("[XPASS(strict)]", "Unexpected success")
"""First words of the messages of pytest and unittest for a test that passed unexpectedly."""


@dataclass(slots=True)
class AttemptInProgress:
    """One running attempt of a test."""

    number: int
    held: list[pytest.TestReport] = field(default_factory=list)
    """Passed reports that wait for the tear-down."""
    bad: list[pytest.TestReport] = field(default_factory=list)
    """Failed reports that nexus changed."""
    subtests: list[pytest.TestReport] = field(default_factory=list)
    """Reports of its subtests, which were already logged."""
    n_failed_subtests: int = 0
    decision: Decision | None = None
    is_taken_back: bool = False
    """Whether the attempt was going to be repeated until a later failure in the attempt forbade
    it."""
    quarantine: str = ""
    seconds: float = 0.0
    has_failed: bool = False
    signature: str = ""
    """Signature of the first failure of the attempt."""
    n_alone: int = 0
    """Number of attempts that the test had alone in a fresh process before this attempt is
    reported."""
    n_failed_alone: int = 0

    def void_subtests(self, *, is_void: bool) -> None:
        """Exclude the failures of its subtests from the totals, or include them again."""
        for report in self.subtests:
            mark_void(report, is_void=is_void)


@dataclass(slots=True)
class EarlierAttempts:
    """All attempts of a test that were repeated or are going to be repeated."""

    attempts: list[list[pytest.TestReport]] = field(default_factory=list)
    """Reports of each attempt, in the order of the attempts."""
    last: AttemptInProgress | None = None
    """The last of these attempts."""
    signature: str = ""
    """Signature of the failure of the first attempt."""

    def add(self, attempt: AttemptInProgress, reports: list[pytest.TestReport]) -> None:
        """Append one attempt."""
        self.attempts.append(reports)
        self.last = attempt

    @property
    def failed(self) -> list[pytest.TestReport]:
        """Return the failed reports of all attempts."""
        return [one for reports in self.attempts for one in reports if is_bad(one)]


def take_back(reports: list[pytest.TestReport]) -> list[pytest.TestReport]:
    """Turn the reports of an attempt that is not repeated after all back into failures."""
    for report in reports:
        if is_bad(report):
            unmark_rerun(report)
    return reports


def words_for_subtests(number: int) -> str:
    """Return pytest's message for a passed test with failed subtests.

    >>> words_for_subtests(1), words_for_subtests(2)
    ('contains 1 failed subtest', 'contains 2 failed subtests')
    """
    return f"contains {number} failed subtest{'' if number == 1 else 's'}"


def has_passed_unexpectedly(report: pytest.TestReport) -> bool:
    """Return whether a test failed because it passed."""
    return str(report.longrepr).startswith(_PASSED_UNEXPECTEDLY)


def is_bad(report: Any) -> bool:
    """Return whether a report is of a phase that failed, with whatever outcome it was reported."""
    return report.outcome in ("failed", "rerun")
