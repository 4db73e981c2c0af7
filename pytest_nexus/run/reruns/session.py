"""The rerun policy with its evidence and its books: what a session knows, spends, and found out."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from pytest_nexus.domain.system.clock import is_plausible, perf_counter
from pytest_nexus.domain.wording import counted
from pytest_nexus.errors import NexusError
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
    """What became of a test that did not simply pass."""

    nodeid: str
    kind: Literal["rerun", "failed", "order-dependent", "flaky", "quarantined"]
    reason: str
    is_known: bool = False
    """Whether the test has flaked before."""


class Evidence(NamedTuple):
    """What the history says about flakes."""

    stats: Mapping[TestKey, TestStats]
    """Of the tests that have flaked."""
    recoveries: Recoveries
    lasting: Collection[TestKey] = ()
    """Tests that failed in their last run, and do not seem to depend on the order."""


class RerunRules(NamedTuple):
    """What decides about reruns in one session, known before its tests are."""

    settings: RerunSettings
    """What the user chose, without the budget."""
    history: Path
    """The file that knows earlier flakes."""
    budget: str
    """As the option gives it: seconds, or a share of the session."""
    quarantine: Quarantine
    n_workers: int = 1
    is_watched: bool = False
    """Whether a person waits for the session, and not a CI."""
    overrule: Callable[[FailedAttempt, Decision], Decision] | None = None
    """Has the last word about a failed attempt; None where nobody has."""


class RerunSession:
    """Answers whether a failed attempt is repeated, and keeps account; one for a session.

    Args:
        rules: what decides.
        planned: what the session is going to run, once that is known.
        change: what changed.
        notify: takes a sentence for the user.
        on_setback: called once, before the first failure is reported.
        now: seconds on any one clock.
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
        """Tests whose first attempt failed, without those in quarantine."""
        self.n_ran = 0
        """Tests whose first attempt has ended."""
        self.findings: list[RerunOutcome] = []

    @cached_property
    def evidence(self) -> Evidence:
        """What is known of flakes, read when the first test fails."""
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
        """What the user chose, with the budget in seconds, known once the plan is made."""
        asked, planned_s = self._rules.budget, self._planned_s
        budget = budget_s(asked, planned_s)
        patience = budget_s(asked, planned_s, 0.0) if self._rules.is_watched else budget
        return self._settings._replace(budget_s=budget, patience_s=patience)

    @property
    def is_at_once(self) -> bool:
        """Whether a test is repeated before any other runs, as under `--maxfail`, or not at all."""
        return self._settings.is_at_once

    @property
    def n_flaky(self) -> int:
        """Tests that failed and passed in this session."""
        return sum(finding.kind == "flaky" for finding in self.findings)

    @property
    def n_dependent(self) -> int:
        """Tests that failed because of the order, and passed in this session."""
        return sum(finding.kind == "order-dependent" for finding in self.findings)

    @property
    def left_s(self) -> float:
        """Seconds that reruns may still add to the session."""
        return self.settings.budget_s - self._spent_s

    def spend(self, seconds: float) -> None:
        """Take the time of a process of its own from the budget."""
        self._spent_s += seconds

    def is_lasting(self, test: CollectedTest) -> bool:
        """Return whether a test failed in its last run already, whatever was tried."""
        return test.key in self.evidence.lasting

    @property
    def n_planned(self) -> int:
        """Tests that this session is to run."""
        return self._planned().n_tests

    def decide(self, test: CollectedTest, setback: FailedAttempt) -> Decision:
        """Return what becomes of a failed attempt."""
        stats = self.evidence.stats.get(test.key)
        setback = setback._replace(is_touched=self._is_touched(test))
        decision = decide(setback, stats, self.evidence.recoveries, self._spent, self.settings)
        overrule = self._rules.overrule
        if overrule is None or self._settings.limit == 0:
            return decision
        return overrule(setback, decision)

    def seconds_of(self, test: CollectedTest, measured_s: float) -> float:
        """Return what an attempt took; what was expected where a test made the clock lie."""
        if is_plausible(measured_s):
            return measured_s
        return self._planned().expected.get(test.nodeid, _UNKNOWN_TEST_S)

    def refuse(self, reason: str) -> Decision:
        """Return the decision not to repeat."""
        return Decision(is_rerun=False, reason=reason)

    def charge(self, test: CollectedTest, decision: Decision) -> None:
        """Note a decision to repeat, and take the rerun from the budget."""
        self.findings.append(RerunOutcome(test.nodeid, "rerun", decision.reason))
        self.n_reruns += 1
        self._spent_s += decision.cost_s
        self._waits_until = max(self._waits_until, self.now() + decision.delay_s)

    def take_back(self, test: CollectedTest) -> None:
        """A test that was to be repeated is not: its last rerun was none."""
        for place in range(len(self.findings) - 1, -1, -1):
            finding = self.findings[place]
            if finding.kind == "rerun" and finding.nodeid == test.nodeid:
                del self.findings[place]
                self.n_reruns -= 1
                return

    def quarantine_of(self, test: CollectedTest) -> QuarantineEntry | None:
        """Return the entry of a test in quarantine."""
        return self._rules.quarantine.find(test.nodeid, test.key, test.function_key)

    def note_ran(self, nodeid: str) -> None:
        """The first attempt of a test has ended; called for every test, so by its name alone."""
        self.n_ran += 1
        self._done_s += self._planned().expected.get(nodeid, _UNKNOWN_TEST_S)

    def note_failed_attempt(self) -> None:
        """An attempt has failed, and nothing is decided or reported of it yet."""
        if self._on_setback is not None:
            announce, self._on_setback = self._on_setback, None
            announce()

    def note_first_failure(self) -> None:
        """The first attempt of a test has failed that is not in quarantine."""
        self.n_failed += 1

    def note_failure(self, test: CollectedTest, reason: str) -> None:
        """A test has failed for good; not worth a word where no test is ever repeated."""
        if self._settings.limit == 0:
            return
        is_known = test.key in self.evidence.stats
        self.findings.append(RerunOutcome(test.nodeid, "failed", reason, is_known))

    def note_flaky_pass(
        self, test: CollectedTest, number: int, first: Any, *, has_passed: bool = True
    ) -> None:
        """A test has passed at last, or was skipped after it failed."""
        evidence = self.evidence
        flakes, runs = known_flakes(test.key, evidence.stats.get(test.key), evidence.recoveries)
        known = "its first flake"
        if flakes:
            known = f"known: {counted(flakes, 'flake')} in {counted(runs, 'run')}"
        what = "passed" if has_passed else "skipped"
        reason = f"{what} in attempt {number} ({known}): {in_short(first)}"
        self.findings.append(RerunOutcome(test.nodeid, "flaky", reason))

    def note_dependent(self, test: CollectedTest, reason: str, first: Any) -> None:
        """A test has passed that failed because of the order."""
        words = f"{reason}: {in_short(first)}"
        self.findings.append(RerunOutcome(test.nodeid, "order-dependent", words))

    def note_mass_failure(self) -> None:
        """So many tests failed that those left were not repeated."""
        self._notify(
            f"too many tests failed to repeat them one by one: {self.n_failed} of {self.n_ran}"
        )

    def note_quarantined(self, test: CollectedTest, entry: QuarantineEntry) -> None:
        """A test in quarantine has failed."""
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
    """Return the message of a failed report in one line; of a doctest the last line says it."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        lines = str(crash.message).strip().splitlines()[:1]
    else:
        lines = str(report.longrepr).strip().splitlines()[-1:]
    return "".join(lines)[:_MAX_MESSAGE_CHARS]
