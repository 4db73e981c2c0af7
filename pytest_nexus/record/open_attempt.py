"""Combine the reports of one attempt, as they arrive from one or many workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.compat.report_marks import QUARANTINED, RERUN
from pytest_nexus.domain.records import BAD, Attempt, NodeId, PhaseResult

if TYPE_CHECKING:
    import pytest

    from pytest_nexus.domain.identity import Identity
    from pytest_nexus.domain.records import Failure, Outcome


class OpenAttempt:
    """An attempt whose phases are not all reported yet."""

    __slots__ = (
        "counts",
        "duration_s",
        "failed_subtest",
        "failure",
        "identity",
        "is_bad",
        "outcomes",
        "phases",
        "quarantined",
        "started_s",
    )

    def __init__(self, identity: Identity, started_s: float) -> None:
        self.identity = identity
        self.started_s = started_s
        self.duration_s = 0.0
        self.is_bad = False
        self.counts = True
        """False if the failure is repeated, or if the test is quarantined."""
        self.quarantined = False
        self.phases: dict[str, float] = {}
        """Seconds of each phase reported so far, by phase name."""
        self.outcomes: dict[str, Outcome] = {}
        """Outcomes of the phases that did not simply pass, by phase name."""
        self.failure: Failure | None = None
        self.failed_subtest = False

    def passed(self, when: str, duration_s: float) -> None:
        """Record a phase that passed, if the report is neither an xfail's nor a subtest's.

        Nearly all reports take this short path. A failed subtest makes the call of its test a
        failure.
        """
        self.duration_s += duration_s
        self.phases[when] = duration_s
        if self.failed_subtest and when == "call":
            self.outcomes[when] = "failed"

    @property
    def is_usual(self) -> bool:
        """Return whether all three phases passed, as in nearly every test."""
        return not self.outcomes and self.failure is None and len(self.phases) == 3

    def add(self, report: pytest.TestReport, duration_s: float, failure: Failure | None) -> None:
        """Record one report; a failed subtest makes the call of its test a failure."""
        fields = report.__dict__
        when: str = fields["when"]
        outcome = outcome_of(report)
        if outcome in BAD:
            self.is_bad = True
            self.failure = self.failure or failure
            self.quarantined = self.quarantined or QUARANTINED in fields
            self.counts = self.counts and not (self.quarantined or RERUN in fields)
        if "context" in fields:
            self.failed_subtest = self.failed_subtest or outcome == "failed"
            return
        if self.failed_subtest and when == "call" and outcome == "passed":
            outcome = "failed"
        self.duration_s += duration_s
        self.phases[when] = duration_s
        if outcome != "passed":
            self.outcomes[when] = outcome

    def fail(self, failure: Failure, duration_s: float) -> None:
        """Record a failed call that has no report."""
        self.phases["call"] = duration_s
        self.outcomes["call"] = "failed"
        self.failure = self.failure or failure
        self.is_bad = True

    def finish(self, nodeid: str, number: int, worker: str | None) -> Attempt:
        """Return the attempt with all reported data."""
        identity, phase = self.identity, self._phase
        return Attempt(
            NodeId(nodeid),
            identity.key,
            identity.function_key,
            number,
            self.started_s,
            phase("setup"),
            phase("call"),
            phase("teardown"),
            worker,
            self.failure,
            self.quarantined,
        )

    @property
    def is_repeated(self) -> bool:
        """Return whether the attempt failed and another attempt follows."""
        return self.is_bad and not (self.counts or self.quarantined)

    def _phase(self, name: str) -> PhaseResult | None:
        seconds = self.phases.get(name)
        return None if seconds is None else PhaseResult(self.outcomes.get(name, "passed"), seconds)


def is_subtest(report: pytest.TestReport) -> bool:
    """Return whether the report is about a subtest of pytest or of pytest-subtests."""
    return "context" in report.__dict__


def outcome_of(report: pytest.TestReport) -> Outcome:
    """Return the outcome of a phase; a failure outside the call is an error.

    A retry engine reports a failure as `rerun` if it is going to repeat the test; this still counts
    as a failure. An expected failure of a quarantined test counts as a failure too.
    """
    fields = report.__dict__
    outcome: str = "failed" if QUARANTINED in fields else report.outcome
    if outcome == "passed":
        return "xpassed" if "wasxfail" in fields else "passed"
    if outcome == "skipped":
        return "xfailed" if "wasxfail" in fields else "skipped"
    return "error" if report.when in ("setup", "teardown") else "failed"
