"""Choose the tests that may depend on the order, and run them in a fresh process at the end.

If a test runs at another place than in the collection order and fails twice, it gets an attempt in
a fresh process, in collection order. If a test fails and then passes after other tests have run, it
gets a few attempts alone. These attempts tell a brittle test from a flaky one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.compat.report_marks import mark_rerun
from pytest_nexus.domain.system.clock import perf_counter
from pytest_nexus.plan.order_dependence.order_rule import DOUBTFUL
from pytest_nexus.plan.reruns.rerun_policy import Decision

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pytest

    from pytest_nexus.domain.records import CollectedTest, TestKey
    from pytest_nexus.plan.order_dependence.order_rule import OrderRule
    from pytest_nexus.run.fresh_process.process import Launch, Reach
    from pytest_nexus.run.reruns.attempt_in_progress import AttemptInProgress
    from pytest_nexus.run.reruns.session import RerunSession

TIMES_ALONE: Final = 3
"""Attempts alone in one process. They cost little more than the start of the process."""

_MAX_TESTS: Final = 20
"""Limit per session of the tests that run in the fresh process with the collection order."""

_MAX_SUSPECTS: Final = 3
"""Limit per session of the tests that are run alone; each gets its own process."""

_LIKELY: Final = 0.5
_LEAST_S: Final = 1.0
"""With less time left than this, in seconds, starting a process is not worthwhile."""

ALONE_AGAIN: Final = "alone in a fresh process"
IN_ORDER: Final = "in a fresh process, in the order of the collection"


class OrderDependents:
    """Chooses the tests for fresh processes and runs them; one object per session.

    Args:
        rerun_session: the `RerunSession`; its time budget pays for the processes.
        launch: starts a process in the same way as this session was started.
        rules: the known rules about tests that may depend on the order.
        is_rearranged: whether the tests run in another order than the collection order.
        expected: expected seconds by node id, in collection order.
    """

    def __init__(
        self,
        rerun_session: RerunSession,
        launch: Launch,
        rules: Callable[[], Mapping[TestKey, OrderRule]],
        is_rearranged: Callable[[], bool],
        expected: Callable[[], Mapping[str, float]],
    ) -> None:
        self._rerun_session = rerun_session
        self._launch = launch
        self._rules = rules
        self._is_rearranged = is_rearranged
        self._expected = expected
        self.waiting: dict[int, CollectedTest] = {}
        """Tests that get an attempt in collection order, by collection index."""
        self.is_interrupted = False
        """Whether a user interrupted a process. The session then ends after everything is
        reported."""
        self._tried: set[int] = set()
        self._n_suspects = 0

    def rule_of(self, test: CollectedTest) -> OrderRule | None:
        """Return the rule of a test that certainly depends on the order; None for other tests."""
        rule = self._rules().get(test.key)
        return rule if rule is not None and rule.is_certain else None

    def decide(
        self, index: int, test: CollectedTest, *, is_last: bool, goes_on: bool
    ) -> Decision | None:
        """Return the decision to give a test a fresh process; None if the test gets none.

        Args:
            index: collection index of the test.
            test: the test that failed again.
            is_last: whether no other rerun follows. If one follows, the process is only for a test
                that probably depends on the order: for this test the process says more than another
                rerun in this session.
            goes_on: whether the session goes on.
        """
        if index in self._tried:
            return Decision(is_rerun=False, reason=f"failed also {IN_ORDER}")
        if not goes_on or not (is_last or self._is_likely(test)) or not self._may_try(test):
            return None
        self._tried.add(index)
        self.waiting[index] = test
        return Decision(is_rerun=True, reason=f"once more at the end, {IN_ORDER}")

    def _is_likely(self, test: CollectedTest) -> bool:
        rule = self._rules().get(test.key)
        return rule is not None and rule.posterior >= _LIKELY

    def _may_try(self, test: CollectedTest) -> bool:
        return (
            self._has_time
            and len(self._tried) < _MAX_TESTS
            and not self._rerun_session.is_lasting(test)
        )

    @property
    def _has_time(self) -> bool:
        """Return whether there is a reason to start a process, and enough time left."""
        if self.is_interrupted or self._rerun_session.is_at_once or not self._is_rearranged():
            return False
        return self._rerun_session.left_s >= _LEAST_S

    def is_suspect(self, index: int, test: CollectedTest) -> bool:
        """Return whether a test that failed and passed may depend on the order."""
        rule = self._rules().get(test.key)
        if rule is not None and (rule.is_certain or rule.posterior < DOUBTFUL):
            return False
        if index in self._tried or self._n_suspects >= _MAX_SUSPECTS or not self._has_time:
            return False
        self._n_suspects += 1
        return True

    def reason(self, index: int, test: CollectedTest, attempt: AttemptInProgress) -> str:
        """Return why a test that passed at last counts as order-dependent; empty if it does not."""
        rule = self.rule_of(test)
        if rule is not None:
            return rule.words
        if index in self._tried:
            return f"failed in the order of this run, passed {IN_ORDER}"
        if attempt.n_alone and attempt.n_failed_alone >= attempt.n_alone:
            return f"passed after other tests, failed {attempt.n_failed_alone} times without them"
        return ""

    def in_order(self) -> dict[int, list[pytest.TestReport]]:
        """Run the waiting tests in collection order; return the reports of the completed ones."""
        waiting, self.waiting = self.waiting, {}
        targets = [test.nodeid for test in waiting.values()]
        reach = self._reach(targets)
        if not targets or reach is None:
            return {}
        found = self._run(targets, reach, 1)
        return {
            index: found[test.nodeid][0] for index, test in waiting.items() if test.nodeid in found
        }

    def try_alone(
        self,
        test: CollectedTest,
        attempt: AttemptInProgress,
        record: Callable[[pytest.TestReport], None],
    ) -> None:
        """Run a test alone a few times, and record these attempts before the attempt that passed.

        Args:
            test: the test that failed and then passed.
            attempt: the attempt in which the test passed; it gets the number after the new
                attempts.
            record: takes the reports, which are not logged.
        """
        if not self._has_time:
            return
        found = self._run([test.nodeid], "alone", TIMES_ALONE)
        for reports in found.get(test.nodeid, ()):
            bad = [report for report in reports if report.failed]
            for report in bad:
                mark_rerun(report, ALONE_AGAIN, attempt.number)
            for report in reports:
                record(report)
            attempt.number += 1
            attempt.n_alone += 1
            attempt.n_failed_alone += bool(bad)

    def _run(
        self, targets: Sequence[str], reach: Reach, times: int
    ) -> dict[str, list[list[pytest.TestReport]]]:
        started = perf_counter()
        try:
            return self._launch.run(targets, reach, times, self._rerun_session.left_s)
        except OSError:
            return {}  # the tests keep their present outcomes
        except KeyboardInterrupt:
            self.is_interrupted = True
            return {}
        finally:
            self._rerun_session.spend(perf_counter() - started)

    def _reach(self, targets: Sequence[str]) -> Reach | None:
        """Return how much of the suite can run before and with the tests in the time left."""
        left_s = self._rerun_session.left_s
        expected = self._expected()
        wanted = set(targets)
        files = {nodeid.partition("::")[0] for nodeid in targets}
        in_files_s = before_s = so_far_s = 0.0
        for nodeid, seconds in expected.items():
            so_far_s += seconds
            if nodeid in wanted:
                before_s = so_far_s
            if nodeid.partition("::")[0] in files:
                in_files_s += seconds
        if before_s <= left_s / 2:
            return "all"
        return "files" if in_files_s <= left_s else None


def stand_in(report: pytest.TestReport, failed: pytest.TestReport) -> None:
    """Make a report from a fresh process look like a report of the worker where the test failed."""
    node = getattr(failed, "node", None)
    if node is not None:
        report.node = node  # type: ignore[attr-defined] # as xdist does
