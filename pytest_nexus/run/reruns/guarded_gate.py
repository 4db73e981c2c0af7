"""Guard the ReportGate with the ErrorBoundary: if the gate fails, each test keeps its reports.

After a failure of the gate, held reports are logged. A report that was logged as repeated is logged
again as a failure, unless the test still runs again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.compat.report_marks import PHASES, is_rerun, mark_known, restore, unmark_rerun

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from pytest_nexus.plan.reruns.rerun_policy import Decision
    from pytest_nexus.run.reruns.gate import ReportGate
    from pytest_nexus.session.error_boundary import Part


class GuardedGate:
    """Passes every call on to the ReportGate as long as the gate works; see `ReportGate`."""

    def __init__(self, gate: ReportGate, part: Part) -> None:
        self._gate = gate
        self.part = part
        self._held: dict[int, list[pytest.TestReport]] = {}
        """Reports of the running attempt that are not logged yet, by test."""
        self._repeated: dict[int, list[pytest.TestReport]] = {}
        """Reports of the last attempt, whose failures were logged as repeated, by test."""

    @property
    def is_mass_failure(self) -> bool:
        """Return whether so many tests failed that repeating them proves nothing."""
        return self.part.call(lambda: self._gate.is_mass_failure, otherwise=False)

    @property
    def is_doubtful(self) -> bool:
        """Return whether reruns must wait until more tests have run."""
        return self.part.call(lambda: self._gate.is_doubtful, otherwise=False)

    @property
    def is_at_once(self) -> bool:
        """Return whether a failed test is repeated before any other test, see `RerunSettings`."""
        return self._gate.is_at_once

    @property
    def has_waiting(self) -> bool:
        """Return whether a failed test waits for another attempt, so nobody knows of it yet."""
        return self.part.call(lambda: self._gate.has_waiting, otherwise=False)

    def is_due(self, index: int) -> bool:
        """Return whether a test is due for a rerun that nobody has taken up yet."""
        return self.part.call(lambda: index in self._gate.due, otherwise=False)

    def will_repeat(self, index: int) -> bool:
        """Return whether the running attempt of a test is going to be repeated."""
        return self.part.call(lambda: self._gate.will_repeat(index), otherwise=False)

    def take_due(self, index: int) -> Decision | None:
        """Take the decision to repeat a test whose attempt has ended; None if there is none."""
        return self.part.call(lambda: self._gate.take_due(index), None)

    def receive(self, report: pytest.TestReport, index: int) -> list[pytest.TestReport]:
        """Return the reports to log now that a phase of a test has been reported."""
        when = report.when
        if when not in PHASES:
            return [report]
        if self._repeated and when == "setup":
            self._repeated.pop(index, None)
        if not self.part.is_on:
            return self._unchanged(report, index)
        try:
            given = self._gate.receive(report, index)
        except Exception as exc:  # noqa: BLE001 - whatever fails must not fail the run
            self.part.catch(exc)
            return self._unchanged(report, index)
        self._note(report, index, is_given=bool(given))
        return given

    def _note(self, report: pytest.TestReport, index: int, *, is_given: bool) -> None:
        """Remember a report that was held back, or logged as repeated, in case the gate fails."""
        if is_rerun(report):
            self._repeated.setdefault(index, []).append(report)
        if report.when == "teardown":
            held = self._held.pop(index, ())
            if index in self._repeated:
                rest = () if is_given else (report,)
                self._repeated[index] = [*held, *self._repeated[index], *rest]
        elif not is_given:
            self._held.setdefault(index, []).append(report)

    def forget(self, index: int) -> None:
        """Forget the reports of a test that runs again; the new reports bypass the gate."""
        self._repeated.pop(index, None)

    def subtest(self, report: pytest.TestReport, index: int) -> None:
        """Change the report of a failed subtest in place, as that of its test is changed."""
        if self.part.is_on:
            try:
                self._gate.subtest(report, index)
            except Exception as exc:  # noqa: BLE001 - whatever fails must not fail the run
                self.part.catch(exc)
        if is_rerun(report) and self.part.is_on:
            self._repeated.setdefault(index, []).append(report)
        elif is_rerun(report):
            restore(report)

    def crash(self, report: pytest.TestReport, index: int) -> bool:
        """Handle the crash of a worker in a test; return whether the test is run once more."""
        self._held.pop(index, None)
        self._repeated.pop(index, None)
        is_repeated = self.part.call(lambda: self._gate.crash(report, index), otherwise=False)
        if is_repeated:
            self._repeated[index] = [report]
        elif is_rerun(report):
            restore(report)
        return is_repeated

    def settle(self) -> Iterator[pytest.TestReport]:
        """Yield the reports of the tests that were to be repeated and will not be."""
        reports = self.part.call(lambda: list(self._gate.settle()), None)
        if reports is None:
            for index in sorted({*self._held, *self._repeated}):
                yield from self._held.get(index, ())
                yield from self._failures(index)
            for _, passed in self._gate.doubtful.values():
                yield from passed
        else:
            yield from reports
        self._held.clear()
        self._repeated.clear()
        if self._gate.dependents is not None and self._gate.dependents.is_interrupted:
            raise KeyboardInterrupt

    def _unchanged(self, report: pytest.TestReport, index: int) -> list[pytest.TestReport]:
        """Return a report unchanged, after the held reports of the same attempt."""
        if is_rerun(report):
            restore(report)
        return [*self._held.pop(index, ()), *self._failures(index), report]

    def _failures(self, index: int) -> list[pytest.TestReport]:
        """Take the reports that were logged as repeated, and turn them back into failures."""
        failures = self._repeated.pop(index, [])
        for report in failures:
            if is_rerun(report):
                unmark_rerun(report)
            mark_known(report)
        return failures
