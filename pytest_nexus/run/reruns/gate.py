"""Receive every report of a session before it is logged, and decide whether a failure is repeated.

    receive(report, index) -> the reports to log now

A passed report goes through, with one exception: a passed call is held until its tear-down has
passed too, so that each test is reported once.
The policy decides about a failed report. It goes through unchanged, or with the outcome `rerun`,
or, for a quarantined test, as an expected failure.
From an attempt that is repeated nothing else is logged; the recorder gets all of its reports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.compat.report_marks import (
    attach_earlier,
    mark_attempt,
    mark_dependent,
    mark_known,
    mark_quarantined,
    mark_rerun,
)
from pytest_nexus.domain.mass_failure import is_doubtful
from pytest_nexus.run.fresh_process.order_dependents import stand_in
from pytest_nexus.run.reruns.attempt_in_progress import (
    AttemptInProgress,
    EarlierAttempts,
    take_back,
    words_for_subtests,
)
from pytest_nexus.run.reruns.decisions import RerunDecisions
from pytest_nexus.run.reruns.refusals import (
    ENDS,
    NOT_IN_ORDER,
    STANDS,
    TOO_MANY,
    leaves_doubt,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from pytest_nexus.plan.reruns.rerun_policy import Decision
    from pytest_nexus.run.fresh_process.order_dependents import OrderDependents
    from pytest_nexus.run.reruns.decisions import Host
    from pytest_nexus.run.reruns.session import RerunSession


class ReportGate:
    """Decides how each report is logged; one object per session.

    Args:
        rerun_session: the `RerunSession`, with the policy and the known flakes.
        host: the services of the session.
        dependents: runs tests that may depend on the order; None if nothing is done for such tests.
    """

    def __init__(
        self, rerun_session: RerunSession, host: Host, dependents: OrderDependents | None = None
    ) -> None:
        self._rerun_session = rerun_session
        self._host = host
        self._test_of = host.test_of
        self._record = host.record
        self.dependents = dependents
        self.is_at_once = rerun_session.is_at_once
        self._decisions = RerunDecisions(rerun_session, host, dependents)
        self._open: dict[int, AttemptInProgress] = {}
        """Attempts with data to keep, by test; an attempt that simply passes is not here."""
        self._set_up: dict[int, pytest.TestReport] = {}
        self._called: dict[int, pytest.TestReport] = {}
        """Reports of a first attempt whose phases have all passed so far, by test."""
        self._past: dict[int, EarlierAttempts] = {}
        """Attempts that were repeated or are going to be repeated, by test."""
        self.due: dict[int, Decision] = {}
        """Decisions to repeat a test that is not yet back in the queue, by test; see `take_due`."""
        self.pending: set[int] = set()
        """Tests that were put back into the queue and have not run again."""
        self.doubtful: dict[int, tuple[AttemptInProgress, list[pytest.TestReport]]] = {}
        """The attempt that passed at last, with its reports, by test. They are logged at the
        end."""

    @property
    def is_mass_failure(self) -> bool:
        """Return whether so many tests failed that repeating them proves nothing."""
        return self._decisions.is_mass_failure

    @property
    def is_doubtful(self) -> bool:
        """Return whether reruns must wait until more tests have run."""
        return is_doubtful(self._rerun_session.n_failed, self._rerun_session.n_ran)

    @property
    def has_waiting(self) -> bool:
        """Return whether a failed test waits for another attempt, so nobody knows of it yet."""
        waiting = self.dependents is not None and self.dependents.waiting
        return bool(self.pending or self.due or waiting)

    def will_repeat(self, index: int) -> bool:
        """Return whether the running attempt of a test is going to be repeated."""
        attempt = self._open.get(index)
        return attempt is not None and attempt.decision is not None

    def take_due(self, index: int) -> Decision | None:
        """Take the decision to repeat a test whose attempt has ended; None if there is none."""
        decision = self.due.pop(index, None)
        if decision is not None:
            self.pending.add(index)
        return decision

    def receive(self, report: pytest.TestReport, index: int) -> list[pytest.TestReport]:
        """Return the reports to log now that a phase of a test has been reported."""
        fields = report.__dict__
        attempt = self._open.get(index)
        if attempt is None:
            is_first = index not in self._past and "context" not in fields
            if is_first and fields["outcome"] == "passed":
                return self._passing(report, index)
            attempt = self._begin(index)
        if "context" in fields:
            return [self.subtest(report, index)]
        if report.when == "teardown":
            return self._end(report, index, attempt)
        return self._phase(report, index, attempt)

    def _phase(
        self, report: pytest.TestReport, index: int, attempt: AttemptInProgress
    ) -> list[pytest.TestReport]:
        """Handle the report of a set-up or a call."""
        attempt.seconds += report.duration
        if attempt.number > 1 and report.when == "setup":
            mark_attempt(report, attempt.number)
        if attempt.n_failed_subtests and report.when == "call" and report.passed:
            return self._parent(report, attempt)
        if report.failed:
            return self._failed(report, index, attempt)
        if report.when == "call" or (attempt.number > 1 and report.skipped):
            attempt.held.append(report)
            return []
        return [report]

    def subtest(self, report: pytest.TestReport, index: int) -> pytest.TestReport:
        """Change the report of a failed subtest in place, as that of its test is changed."""
        attempt = self._open.get(index)
        if attempt is None:
            attempt = self._begin(index)
        attempt.subtests.append(report)
        if report.failed:
            attempt.n_failed_subtests += 1
            self._failed(report, index, attempt)
        return report

    @property
    def _why_settled(self) -> str:
        return TOO_MANY if self.is_mass_failure else ENDS

    def settle(self) -> Iterator[pytest.TestReport]:
        """Yield the reports of the tests that were to be repeated and will not be."""
        yield from self._break_off()
        waiting = {} if self.dependents is None else self.dependents.waiting
        if self.is_mass_failure and (self.pending or self.due or waiting):
            self._rerun_session.note_mass_failure()
        for index in sorted(self.pending | self.due.keys()):
            self._rerun_session.take_back(self._test_of(index))
            yield from self._let_stand(index, self._why_settled)
        self.pending.clear()
        self.due.clear()
        if self.dependents is not None:
            yield from self._in_own_processes(self.dependents)

    def _in_own_processes(self, dependents: OrderDependents) -> Iterator[pytest.TestReport]:
        """Run tests that may depend on the order in fresh processes, and yield their reports."""
        waiting = dict(dependents.waiting)
        goes_on = self._host.ends_well() and not self.is_mass_failure
        found = dependents.in_order() if goes_on else {}
        for index, test in waiting.items():
            if index in found:
                for report in found[index]:
                    stand_in(report, self._past[index].failed[0])
                    yield from self.receive(report, index)
            else:
                self._rerun_session.take_back(test)
                yield from self._let_stand(index, NOT_IN_ORDER if goes_on else self._why_settled)
        for index, (attempt, reports) in self.doubtful.items():
            if goes_on:
                dependents.try_alone(self._test_of(index), attempt, self._record)
            yield from self._heal(index, attempt, reports)
        self.doubtful.clear()

    def _let_stand(self, index: int, reason: str) -> list[pytest.TestReport]:
        """Return the reports of the last failed attempt, when no later attempt counts more."""
        test, past = self._test_of(index), self._past.pop(index)
        last = take_back(past.attempts.pop())
        if past.last is not None:
            past.last.void_subtests(is_void=False)
        self._rerun_session.note_failure(test, reason)
        for report in last:
            mark_known(report)
            attach_earlier(report, past.failed, has_failed=True)
        return last

    def _break_off(self) -> Iterator[pytest.TestReport]:
        """End the attempts that were running when the session ended; yield their passed reports."""
        yield from self._called.values()
        self._called.clear()
        for index, attempt in self._open.items():
            if attempt.decision is None:
                yield from attempt.held
                continue
            for one in attempt.held:
                self._record(one)
            self._put_back(index, attempt, [*attempt.held, *attempt.bad])
        self._open.clear()

    def crash(self, report: pytest.TestReport, index: int) -> bool:
        """Handle the crash of a worker in a test; return whether the test is run once more."""
        self._open.pop(index, None)
        self._called.pop(index, None)
        attempt = self._begin(index)
        del self._open[index]
        if attempt.number == 1:
            self._rerun_session.note_ran(report.nodeid)
        self._failed(report, index, attempt, is_crash=True)
        if attempt.decision is not None:
            self._put_back(index, attempt, [report])
            return True
        return False

    def _passing(self, report: pytest.TestReport, index: int) -> list[pytest.TestReport]:
        """Handle a passed phase of a first attempt; most tests need only this path."""
        when = report.when
        if when == "setup":
            self._set_up[index] = report
            return [report]
        if when == "call":
            self._called[index] = report
            return []
        self._set_up.pop(index, None)
        self._rerun_session.note_ran(report.nodeid)
        called = self._called.pop(index, None)
        return [report] if called is None else [called, report]

    def _begin(self, index: int) -> AttemptInProgress:
        """Open an attempt with the phases that have passed in it."""
        self.pending.discard(index)
        number = len(self._past[index].attempts) + 1 if index in self._past else 1
        attempt = self._open[index] = AttemptInProgress(number)
        set_up, called = self._set_up.pop(index, None), self._called.pop(index, None)
        attempt.seconds = sum(one.duration for one in (set_up, called) if one is not None)
        if called is not None:
            attempt.held.append(called)
        return attempt

    def _failed(
        self,
        report: pytest.TestReport,
        index: int,
        attempt: AttemptInProgress,
        *,
        is_crash: bool = False,
    ) -> list[pytest.TestReport]:
        """Decide about the first failure of an attempt, and handle the report accordingly."""
        if not attempt.has_failed:
            attempt.has_failed = True
            self._decisions.decide(report, index, attempt, is_crash=is_crash)
        elif attempt.decision is not None:
            self._decisions.reconsider(report, index, attempt)
        if attempt.decision is not None:
            mark_rerun(report, attempt.decision.reason, attempt.number)
            attempt.bad.append(report)
        elif attempt.quarantine:
            mark_quarantined(report, attempt.quarantine)
        else:
            self._attach(report, index, attempt)
        return [report]

    def _parent(
        self, report: pytest.TestReport, attempt: AttemptInProgress
    ) -> list[pytest.TestReport]:
        """Handle a call after its failed subtests, which may make pytest fail the call too."""
        if attempt.decision is not None:
            mark_rerun(report, attempt.decision.reason, attempt.number)
            report.longrepr = words_for_subtests(attempt.n_failed_subtests)
            attempt.bad.append(report)
        elif attempt.quarantine:
            mark_quarantined(report, attempt.quarantine)
        return [report]

    def _end(
        self, report: pytest.TestReport, index: int, attempt: AttemptInProgress
    ) -> list[pytest.TestReport]:
        if attempt.number == 1:
            self._rerun_session.note_ran(report.nodeid)
        changed: list[pytest.TestReport] = []
        if report.failed and attempt.decision is None:
            changed = self._failed(report, index, attempt)
        elif report.failed:
            self._decisions.reconsider(report, index, attempt)
        del self._open[index]
        if attempt.decision is None:
            return self._log(index, attempt, report)
        ending = [] if changed else [report]
        for one in (*attempt.held, *ending):
            self._record(one)
        self._put_back(index, attempt, [*attempt.held, *attempt.bad, *ending])
        return changed

    def _log(
        self, index: int, attempt: AttemptInProgress, report: pytest.TestReport
    ) -> list[pytest.TestReport]:
        """Return the last reports of a test that is not repeated."""
        reports = [*attempt.held, report]
        if attempt.is_taken_back:
            for one in reports:  # before the recorder hears of those that were taken back
                self._record(one)
                mark_known(one)
            reports = [*take_back(attempt.bad), *reports]
        if not attempt.has_failed and index in self._past and any(map(leaves_doubt, reports)):
            for one in reports:
                self._record(one)
            attempt.void_subtests(is_void=True)
            return self._let_stand(index, STANDS)
        return self._log_repeated(index, attempt, reports) if index in self._past else reports

    def _log_repeated(
        self, index: int, attempt: AttemptInProgress, reports: list[pytest.TestReport]
    ) -> list[pytest.TestReport]:
        """Return the last reports of a repeated test; none if the end of the session decides."""
        if attempt.has_failed:
            for one in reports:
                self._attach(one, index, attempt)
            return reports
        dependents = self.dependents
        if dependents is not None and dependents.is_suspect(index, self._test_of(index)):
            self.doubtful[index] = attempt, reports
            return []
        return self._heal(index, attempt, reports)

    def _heal(
        self, index: int, attempt: AttemptInProgress, reports: list[pytest.TestReport]
    ) -> list[pytest.TestReport]:
        """Return the reports of a test that has passed, or was skipped, after it failed."""
        for one in reports:
            self._attach(one, index, attempt)
        has_passed = any(one.when == "call" and one.passed for one in attempt.held)
        test, first = self._test_of(index), self._past[index].failed[0]
        reason = ""
        if has_passed and self.dependents is not None:
            reason = self.dependents.reason(index, test, attempt)
        if reason:
            for one in reports:
                mark_dependent(one)
            self._rerun_session.note_dependent(test, reason, first)
        else:
            number = attempt.number - attempt.n_alone
            self._rerun_session.note_flaky_pass(test, number, first, has_passed=has_passed)
        return reports

    def _put_back(
        self, index: int, attempt: AttemptInProgress, reports: list[pytest.TestReport]
    ) -> None:
        assert attempt.decision is not None
        attempt.void_subtests(is_void=True)
        past = self._past.setdefault(index, EarlierAttempts(signature=attempt.signature))
        past.add(attempt, reports)
        if self.dependents is None or index not in self.dependents.waiting:
            self.due[index] = attempt.decision

    def _attach(self, report: pytest.TestReport, index: int, attempt: AttemptInProgress) -> None:
        past = self._past.get(index)
        if past is not None:
            has_failed = attempt.has_failed
            differs = has_failed and attempt.signature != past.signature
            attach_earlier(report, past.failed, has_failed=has_failed, differs=differs)
