"""How reruns and quarantine show: letters, lines of the summary, and the exit status."""

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
"""Exit status of a run in which nothing failed in the end, where `nexus_fail_on_flaky` is on."""

_MAX_LINES: Final = 15
"""Lines of each kind; the rest is counted."""

_KINDS: Final = ("failed", "order-dependent", "flaky", "quarantined")
_YELLOW: Final = {"yellow": True}
_FLAKY: Final = ("flaky", "f", ("FLAKY", _YELLOW))
_DEPENDENT: Final = ("order-dependent", "o", ("ORDER-DEPENDENT", _YELLOW))


class RerunReport:
    """Speaks of reruns and quarantine on the terminal of the single process or the controller."""

    def __init__(
        self, healer: RerunSession, *, fail_on_flaky: bool, fail_on_dependent: bool = False
    ) -> None:
        self.healer = healer
        self._fail_on_flaky = fail_on_flaky
        self._fail_on_dependent = fail_on_dependent

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Let a run with flaky or order-dependent tests fail, where the user wants it to."""
        found = (self._fail_on_flaky and self.healer.n_flaky) or (
            self._fail_on_dependent and self.healer.n_dependent
        )
        if found and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = EXIT_FLAKY

    def lines(self, verbosity: int = 0) -> list[str]:
        """Return what became of the tests that did not simply pass, one line each.

        Args:
            verbosity: of pytest: above 0 with why each attempt was repeated, below 0 without the
                failures, which pytest names itself.
        """
        kinds = ("rerun", *_KINDS) if verbosity > 0 else _KINDS
        return outcome_lines(self.healer.findings, _KINDS[1:] if verbosity < 0 else kinds)


class Letters:
    """Gives letters to what nexus repeats; registered when the first test fails.

    pytest asks for a letter three times for each test.
    """

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(
        self, report: pytest.TestReport
    ) -> tuple[str, str, str | tuple[str, dict[str, bool]]] | None:
        """Give a letter to attempts that are repeated, to flaky tests, and to those in quarantine.

        What was reported of a part of a test that is repeated, as a subtest, has none.
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
    """Return one line for each: new failures, those of known flakes, flakes, quarantine."""
    lines = []
    for kind in kinds:
        some = [finding for finding in findings if finding.kind == kind]
        some.sort(key=lambda finding: finding.is_known)
        lines += [f"{kind}: {one.nodeid} - {one.reason}" for one in some[:_MAX_LINES]]
        if len(some) > _MAX_LINES:
            lines.append(f"{kind}: and {len(some) - _MAX_LINES} more")
    return lines
