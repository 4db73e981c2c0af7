"""Show reruns and quarantine: letters, lines of the summary, and the exit status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from pytest_nexus.compat.report_marks import (
    DEPENDENT,
    QUARANTINED,
    earlier_failures,
    has_failed_in_the_end,
    is_rerun,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.run.reruns.session import RerunOutcome, RerunSession

EXIT_FLAKY: Final = 7
"""Exit status, under `nexus_fail_on_flaky`, of a run with flaky tests and no final failure."""

_MAX_LINES: Final = 15
"""Limit of the lines of each kind; the other tests are only counted."""

_KINDS: Final = ("failed", "order-dependent", "flaky", "quarantined")
_YELLOW: Final = {"yellow": True}
_FLAKY: Final = ("flaky", "f", ("FLAKY", _YELLOW))
_DEPENDENT: Final = ("order-dependent", "o", ("ORDER-DEPENDENT", _YELLOW))


class RerunReport:
    """Reports reruns and quarantine on the terminal of the single process or the controller."""

    def __init__(
        self, rerun_session: RerunSession, *, fail_on_flaky: bool, fail_on_dependent: bool = False
    ) -> None:
        self.rerun_session = rerun_session
        self._fail_on_flaky = fail_on_flaky
        self._fail_on_dependent = fail_on_dependent

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Set the exit status for flaky or order-dependent tests, if the user wants that."""
        found = (self._fail_on_flaky and self.rerun_session.n_flaky) or (
            self._fail_on_dependent and self.rerun_session.n_dependent
        )
        if found and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = EXIT_FLAKY

    def lines(self, verbosity: int = 0) -> list[str]:
        """Return the result of each test that did not simply pass, one line each.

        Args:
            verbosity: of pytest. Above 0, the lines include the reason of each rerun. Below 0, the
                failures are left out, because pytest lists them itself.
        """
        kinds = ("rerun", *_KINDS) if verbosity > 0 else _KINDS
        return outcome_lines(self.rerun_session.findings, _KINDS[1:] if verbosity < 0 else kinds)


class Letters:
    """Assigns letters to repeated attempts; registered when the first test fails.

    pytest asks for a letter three times for each test.
    """

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(
        self, report: pytest.TestReport
    ) -> tuple[str, str, str | tuple[str, dict[str, bool]]] | None:
        """Return the letter of a repeated attempt, of a flaky test, or of a quarantined test.

        A report of a subtest of a repeated test gets no letter.
        """
        fields = report.__dict__
        if is_rerun(report):
            if "context" in fields:
                return "", "", ""
            return "rerun", "R", ("RERUN", _YELLOW)
        if QUARANTINED in fields:
            if "context" in fields:
                return "", "", ""
            return "quarantined", "Q", ("QUARANTINED", _YELLOW)
        if report.when == "call" and fields["outcome"] == "passed" and _has_healed(report):
            return _DEPENDENT if DEPENDENT in fields else _FLAKY
        return None


def _has_healed(report: pytest.TestReport) -> bool:
    return bool(earlier_failures(report)) and not has_failed_in_the_end(report)


def outcome_lines(findings: Sequence[RerunOutcome], kinds: Sequence[str] = _KINDS) -> list[str]:
    """Return one line for each result: failures, known flakes' failures, flakes, quarantine."""
    lines = []
    for kind in kinds:
        some = [finding for finding in findings if finding.kind == kind]
        some.sort(key=lambda finding: finding.is_known)
        lines += [f"{kind}: {one.nodeid} - {one.reason}" for one in some[:_MAX_LINES]]
        if len(some) > _MAX_LINES:
            lines.append(f"{kind}: and {len(some) - _MAX_LINES} more")
    return lines
