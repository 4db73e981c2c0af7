"""Decides about a failed attempt: refused, repeated here, or repeated in a fresh process."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_nexus.domain.mass_failure import is_mass_failure
from pytest_nexus.plan.reruns.rerun_policy import FailedAttempt
from pytest_nexus.run.reruns.refusals import (
    ENDS,
    TOO_MANY,
    later_refusal,
    refusal,
    refusal_of_crash,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from pytest_nexus.domain.records import CollectedTest, Failure
    from pytest_nexus.plan.reruns.rerun_policy import Decision
    from pytest_nexus.run.fresh_process.order_dependents import OrderDependents
    from pytest_nexus.run.reruns.attempt_in_progress import AttemptInProgress
    from pytest_nexus.run.reruns.markers import RerunRule
    from pytest_nexus.run.reruns.session import RerunSession


class Host(NamedTuple):
    """What the reruns ask of the session around them."""

    test_of: Callable[[int], CollectedTest]
    """The test behind a collection index."""
    rule_of: Callable[[pytest.TestReport, int], RerunRule | None]
    """What the marker of the test behind a failed report says."""
    failure_of: Callable[[pytest.TestReport], Failure]
    """Describes a failed report."""
    record: Callable[[pytest.TestReport], None]
    """Takes a report that is not logged."""
    accepts: Callable[[], bool]
    """Whether a test that is to be repeated now would be."""
    ends_well: Callable[[], bool]
    """Whether the session ran to its end, asked when all else is done."""


class RerunDecisions:
    """Decides what becomes of each failed attempt, and writes that into the attempt.

    Args:
        rerun_session: the policy, with what is known and what was spent.
        host: the session around the reruns.
        dependents: tests that may depend on the order; None where nothing is done about them.
    """

    def __init__(
        self, rerun_session: RerunSession, host: Host, dependents: OrderDependents | None
    ) -> None:
        self._session = rerun_session
        self._host = host
        self._dependents = dependents
        self._first_ended: dict[int, float] = {}

    @property
    def is_mass_failure(self) -> bool:
        """Whether so many tests failed that repeating them proves nothing."""
        return is_mass_failure(self._session.n_failed, self._session.n_ran)

    def reconsider(self, report: pytest.TestReport, index: int, attempt: AttemptInProgress) -> None:
        """Take a decision back where a later failure of the attempt forbids to repeat it."""
        failure, rule = self._host.failure_of(report), self._host.rule_of(report, index)
        reason = later_refusal(report, failure, rule)
        if reason:
            test = self._host.test_of(index)
            attempt.decision, attempt.is_taken_back = None, True
            self._session.take_back(test)
            self._session.note_failure(test, reason)

    def decide(
        self, report: pytest.TestReport, index: int, attempt: AttemptInProgress, *, is_crash: bool
    ) -> None:
        """Decide about the first failure of an attempt."""
        session, test = self._session, self._host.test_of(index)
        session.note_failed_attempt()
        if attempt.number == 1:
            entry = session.quarantine_of(test)
            if entry is not None:
                attempt.quarantine = entry.reason
                session.note_quarantined(test, entry)
                return
            session.note_first_failure()
        failure = self._host.failure_of(report)
        attempt.signature = failure.signature
        rule = self._host.rule_of(report, index)
        decision = self._refused(report, failure, rule, attempt, is_crash=is_crash)
        if decision is None:
            failed = self._failed_attempt(index, test, attempt, failure, rule)
            decision = self._fresh_process(index, test, attempt) or session.decide(test, failed)
            if not decision.is_rerun:
                last = self._fresh_process(index, test, attempt, is_last=True)
                decision = decision if last is None else last
        if decision.is_rerun:
            attempt.decision = decision
            session.charge(test, decision)
        else:
            session.note_failure(test, decision.reason)

    def _fresh_process(
        self, index: int, test: CollectedTest, attempt: AttemptInProgress, *, is_last: bool = False
    ) -> Decision | None:
        """Return the decision about a fresh process for a test that was repeated in vain."""
        if self._dependents is None or attempt.number == 1:
            return None
        return self._dependents.decide(index, test, is_last=is_last, goes_on=self._host.accepts())

    def _refused(
        self,
        report: pytest.TestReport,
        failure: Failure,
        rule: RerunRule | None,
        attempt: AttemptInProgress,
        *,
        is_crash: bool,
    ) -> Decision | None:
        """Return why this kind of failure is not repeated, whatever the policy; None if it may."""
        reason = refusal(report, failure, rule)
        if not reason and not self._host.accepts():
            reason = ENDS
        if not reason and self._session.is_at_once and self.is_mass_failure:
            reason = TOO_MANY
        if not reason and is_crash:
            reason = refusal_of_crash(attempt.number, is_at_once=self._session.is_at_once)
        return self._session.refuse(reason) if reason else None

    def _failed_attempt(
        self,
        index: int,
        test: CollectedTest,
        attempt: AttemptInProgress,
        failure: Failure,
        rule: RerunRule | None,
    ) -> FailedAttempt:
        now = self._session.now()
        return FailedAttempt(
            key=test.key,
            number=attempt.number,
            signature=failure.signature,
            duration_s=self._session.seconds_of(test, attempt.seconds),
            waited_s=max(0.0, now - self._first_ended.setdefault(index, now)),
            limit=None if rule is None else rule.reruns,
            delay_s=None if rule is None else rule.delay_after(attempt.number),
        )
