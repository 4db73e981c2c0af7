"""An attempt that is under way: what the desk remembers of it until it has ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.compat.report_marks import mark_void, unmark_rerun

if TYPE_CHECKING:
    import pytest

    from pytest_nexus.plan.reruns.rerun_policy import Decision

_PASSED_UNEXPECTEDLY: Final = ("[XPASS(strict)]", "Unexpected success")
"""How pytest and unittest begin: a test that was expected to fail has passed."""


@dataclass(slots=True)
class AttemptInProgress:
    """An attempt that is under way."""

    number: int
    held: list[pytest.TestReport] = field(default_factory=list)
    """Reports that passed and wait for the tear-down."""
    bad: list[pytest.TestReport] = field(default_factory=list)
    """Failed reports that were changed."""
    subtests: list[pytest.TestReport] = field(default_factory=list)
    """Reports of its subtests, which were logged."""
    n_failed_subtests: int = 0
    decision: Decision | None = None
    is_taken_back: bool = False
    """Whether it was to be repeated, until a later failure of it forbade that."""
    quarantine: str = ""
    seconds: float = 0.0
    has_failed: bool = False
    signature: str = ""
    """Of its first failure."""
    n_alone: int = 0
    """Attempts that the test had alone in a fresh process, before this one is reported."""
    n_failed_alone: int = 0

    def void_subtests(self, *, is_void: bool) -> None:
        """Let its subtests count for nothing, or let them count again."""
        for report in self.subtests:
            mark_void(report, is_void=is_void)


@dataclass(slots=True)
class EarlierAttempts:
    """The attempts of a test that were or are to be repeated."""

    attempts: list[list[pytest.TestReport]] = field(default_factory=list)
    """Reports of each, in their order."""
    last: AttemptInProgress | None = None
    """The last of them."""
    signature: str = ""
    """Of the failure of the first one."""

    def add(self, attempt: AttemptInProgress, reports: list[pytest.TestReport]) -> None:
        """Take one more of them."""
        self.attempts.append(reports)
        self.last = attempt

    @property
    def failed(self) -> list[pytest.TestReport]:
        """The failed reports of all of them."""
        return [one for reports in self.attempts for one in reports if is_bad(one)]


def take_back(reports: list[pytest.TestReport]) -> list[pytest.TestReport]:
    """Make the failed ones of an attempt that is not repeated after all failures again."""
    for report in reports:
        if is_bad(report):
            unmark_rerun(report)
    return reports


def words_for_subtests(number: int) -> str:
    """Return what pytest says of a test that passed and has failed subtests.

    >>> words_for_subtests(1), words_for_subtests(2)
    ('contains 1 failed subtest', 'contains 2 failed subtests')
    """
    return f"contains {number} failed subtest{'' if number == 1 else 's'}"


def has_passed_unexpectedly(report: pytest.TestReport) -> bool:
    """Return whether a test failed because it passed."""
    return str(report.longrepr).startswith(_PASSED_UNEXPECTEDLY)


def is_bad(report: Any) -> bool:
    """Return whether a report is of a phase that failed, whatever became of it."""
    return report.outcome in ("failed", "rerun")
