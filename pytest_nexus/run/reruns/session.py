"""Keep the rerun policy of one session, its evidence, its time budget and its results."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from pytest_nexus.domain.system.clock import is_plausible, perf_counter
from pytest_nexus.domain.wording import counted
from pytest_nexus.errors import NexusError, with_code
from pytest_nexus.plan.reruns.recovery_times import Recoveries
from pytest_nexus.plan.reruns.rerun_policy import (
    BudgetUsed,
    Decision,
    FailedAttempt,
    RerunSettings,
    budget_s,
    decide,
    known_flakes,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path
    from typing import Any

    from pytest_nexus.domain.records import Change, CollectedTest, TestKey, TestStats
    from pytest_nexus.plan.quarantine.file import Quarantine, QuarantineEntry
    from pytest_nexus.session.planned import SessionPlan

_UNKNOWN_TEST_S: Final = 0.01
_MAX_MESSAGE_CHARS: Final = 120


class RerunOutcome(NamedTuple):
    """The result of a test that did not simply pass."""

    nodeid: str
    kind: Literal["rerun", "failed", "order-dependent", "flaky", "quarantined"]
    reason: str
    is_known: bool = False
    """Whether the test has flaked before."""


class Evidence(NamedTuple):
    """Known flakes and lasting failures, from the history."""

    stats: Mapping[TestKey, TestStats]
    """Statistics of the tests that have flaked."""
    recoveries: Recoveries
    lasting: Collection[TestKey] = ()
    """Tests that failed in their last run and do not seem to depend on the order."""


class RerunRules(NamedTuple):
    """The rerun rules of one session that are known before its tests are known."""

    settings: RerunSettings
    """The settings that the user chose, without the budget."""
    history: Path
    """The history file, which contains earlier flakes."""
    budget: str
    """Text of the option: seconds, or a share of the session."""
    quarantine: Quarantine
    n_workers: int = 1
    is_watched: bool = False
    """Whether a person watches the session, instead of a CI."""
    overrule: Callable[[FailedAttempt, Decision], Decision] | None = None
    """Overrules the decision about a failed attempt; None if no hook does."""


class RerunSession:
    """Decides whether a failed attempt is repeated, and counts costs and results; one per session.

    Args:
        rules: the rules of the session.
        planned: returns what the session is going to run, once that is known.
        change: returns what changed.
        notify: takes a sentence for the user.
        on_setback: called once, before the first failure is reported.
        now: returns seconds on any one clock.
    """

    def __init__(
        self,
        rules: RerunRules,
        planned: Callable[[], SessionPlan],
        change: Callable[[], Change],
        notify: Callable[[str], None],
        on_first_failure: Callable[[], object] | None = None,
        now: Callable[[], float] = perf_counter,
    ) -> None:
        self._rules = rules
        self._settings = rules.settings
        self._planned = planned
        self._change = change
        self._notify = notify
        self._on_setback = on_first_failure
        self.now = now
        self._spent_s = 0.0
        self._done_s = 0.0
        self._waits_until = 0.0
        self.n_reruns = 0
        self.n_failed = 0
        """Tests whose first attempt failed, without the quarantined tests."""
        self.n_ran = 0
        """Tests whose first attempt has ended."""
        self.findings: list[RerunOutcome] = []

    @cached_property
    def evidence(self) -> Evidence:
        """Return the known flakes, read from the history when the first test fails."""
        from pytest_nexus.history.store import read_history  # noqa: PLC0415 - where a test fails

        try:
            history = read_history(self._rules.history)
            if history is not None:
                with history:
                    return Evidence(
                        history.flaky_stats(),
                        Recoveries(history.recoveries()),
                        history.order_rules.lasting(),
                    )
        except NexusError as exc:
            self._notify(str(exc))
        return Evidence({}, Recoveries())

    @cached_property
    def settings(self) -> RerunSettings:
        """Return the user's settings with the budget in seconds; known after planning."""
        asked, planned_s = self._rules.budget, self._planned_s
        budget = budget_s(asked, planned_s)
        patience = budget_s(asked, planned_s, 0.0) if self._rules.is_watched else budget
        return self._settings._replace(budget_s=budget, patience_s=patience)

    @property
    def is_at_once(self) -> bool:
        """Return whether a rerun comes before any other test or not at all (`--maxfail`)."""
        return self._settings.is_at_once

    @property
    def n_flaky(self) -> int:
        """Return the number of tests that failed and passed in this session."""
        return sum(finding.kind == "flaky" for finding in self.findings)

    @property
    def n_dependent(self) -> int:
        """Return how many tests failed because of the order and passed in this session."""
        return sum(finding.kind == "order-dependent" for finding in self.findings)

    @property
    def left_s(self) -> float:
        """Return the seconds that reruns may still add to the session."""
        return self.settings.budget_s - self._spent_s

    def spend(self, seconds: float) -> None:
        """Subtract the time of a fresh process from the budget."""
        self._spent_s += seconds

    def is_lasting(self, test: CollectedTest) -> bool:
        """Return whether a test already failed in its last run, in all attempts."""
        return test.key in self.evidence.lasting

    @property
    def n_planned(self) -> int:
        """Return the number of tests that this session runs."""
        return self._planned().n_tests

    def decide(self, test: CollectedTest, setback: FailedAttempt) -> Decision:
        """Return the decision about a failed attempt."""
        stats = self.evidence.stats.get(test.key)
        setback = setback._replace(is_touched=self._is_touched(test))
        decision = decide(setback, stats, self.evidence.recoveries, self._spent, self.settings)
        overrule = self._rules.overrule
        if overrule is None or self._settings.limit == 0:
            return decision
        return overrule(setback, decision)

    def seconds_of(self, test: CollectedTest, measured_s: float) -> float:
        """Return the duration of an attempt; the expected one if the test falsified the clock."""
        if is_plausible(measured_s):
            return measured_s
        return self._planned().expected.get(test.nodeid, _UNKNOWN_TEST_S)

    def refuse(self, reason: str) -> Decision:
        """Return the decision not to repeat."""
        return Decision(is_rerun=False, reason=reason)

    def charge(self, test: CollectedTest, decision: Decision) -> None:
        """Record a decision to repeat, and subtract the rerun from the budget."""
        self.findings.append(RerunOutcome(test.nodeid, "rerun", decision.reason))
        self.n_reruns += 1
        self._spent_s += decision.cost_s
        self._waits_until = max(self._waits_until, self.now() + decision.delay_s)

    def take_back(self, test: CollectedTest) -> None:
        """Cancel the last rerun of a test that was to be repeated and is not."""
        for place in range(len(self.findings) - 1, -1, -1):
            finding = self.findings[place]
            if finding.kind == "rerun" and finding.nodeid == test.nodeid:
                del self.findings[place]
                self.n_reruns -= 1
                return

    def quarantine_of(self, test: CollectedTest) -> QuarantineEntry | None:
        """Return the entry of a quarantined test; None for any other test."""
        return self._rules.quarantine.find(test.nodeid, test.key, test.function_key)

    def note_ran(self, nodeid: str) -> None:
        """Count a test's first attempt as ended. Takes only a name: it is called for each test."""
        self.n_ran += 1
        self._done_s += self._planned().expected.get(nodeid, _UNKNOWN_TEST_S)

    def note_failed_attempt(self) -> None:
        """Note that an attempt has failed, before anything is decided or reported about it."""
        if self._on_setback is not None:
            announce, self._on_setback = self._on_setback, None
            announce()

    def note_first_failure(self) -> None:
        """Note that the first attempt of a test failed, and that the test is not quarantined."""
        self.n_failed += 1

    def note_failure(self, test: CollectedTest, reason: str) -> None:
        """Record the final failure of a test; nothing is recorded if no test is ever repeated."""
        if self._settings.limit == 0:
            return
        is_known = test.key in self.evidence.stats
        self.findings.append(RerunOutcome(test.nodeid, "failed", reason, is_known))

    def note_flaky_pass(
        self, test: CollectedTest, number: int, first: Any, *, has_passed: bool = True
    ) -> None:
        """Record a test that passed, or was skipped, after it failed."""
        evidence = self.evidence
        flakes, runs = known_flakes(test.key, evidence.stats.get(test.key), evidence.recoveries)
        known = "its first flake"
        if flakes:
            known = f"known: {counted(flakes, 'flake')} in {counted(runs, 'run')}"
        what = "passed" if has_passed else "skipped"
        reason = f"{what} in attempt {number} ({known}): {in_short(first)}"
        self.findings.append(RerunOutcome(test.nodeid, "flaky", reason))

    def note_dependent(self, test: CollectedTest, reason: str, first: Any) -> None:
        """Record a test that failed because of the order and then passed."""
        words = f"{reason}: {in_short(first)}"
        self.findings.append(RerunOutcome(test.nodeid, "order-dependent", words))

    def note_mass_failure(self) -> None:
        """Record that so many tests failed that the remaining ones were not repeated."""
        self._notify(
            with_code(
                "NX304",
                "too many tests failed, so the rest are not repeated:"
                f" {self.n_failed} of {self.n_ran}",
            )
        )

    def note_quarantined(self, test: CollectedTest, entry: QuarantineEntry) -> None:
        """Record the failure of a quarantined test."""
        until = f", until {entry.until}" if entry.until else ""
        owner = f" ({entry.owner}{until})" if entry.owner else ""
        self.findings.append(RerunOutcome(test.nodeid, "quarantined", f"{entry.reason}{owner}"))

    @cached_property
    def _planned_s(self) -> float:
        return self._planned().seconds

    @property
    def _spent(self) -> BudgetUsed:
        remaining_s = max(0.0, self._planned_s - self._done_s) / max(self._rules.n_workers, 1)
        return BudgetUsed(
            n_reruns=self.n_reruns,
            seconds=self._spent_s,
            remaining_s=remaining_s,
            waiting_s=max(0.0, self._waits_until - self.now()),
            n_tests=self.n_planned,
        )

    def _is_touched(self, test: CollectedTest) -> bool:
        return any(file.path == test.path for file in self._change().files)


def in_short(report: Any) -> str:
    """Return the message of a failed report in one line; for a doctest, the last line."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        lines = str(crash.message).strip().splitlines()[:1]
    else:
        lines = str(report.longrepr).strip().splitlines()[-1:]
    return "".join(lines)[:_MAX_MESSAGE_CHARS]
