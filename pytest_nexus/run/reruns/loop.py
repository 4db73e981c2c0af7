"""Run the tests of a single process in order, with reruns inserted among them.

pytest's own loop runs each test once. This loop asks a `RunQueue` for the next test, runs an
attempt in three phases, and passes the reports to the ReportGate before they are logged. A failed
attempt can therefore be repeated later, while other tests run in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.compat import pytest_internals
from pytest_nexus.domain.system.clock import NAP_S, nap, perf_counter
from pytest_nexus.plan.reruns.queue import RunQueue, Step
from pytest_nexus.run.fixture_scopes import shared_scopes
from pytest_nexus.run.reruns.fresh_item import remember, restore
from pytest_nexus.run.reruns.remainder import finish_attempt, run_rest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_nexus.plan.reruns.queue import Fresh
    from pytest_nexus.run.reruns.fresh_item import AsCollected
    from pytest_nexus.run.reruns.guarded_gate import GuardedGate
    from pytest_nexus.run.running_tests import RunningTests
    from pytest_nexus.session.error_boundary import Part


class RerunLoop:
    """Runs the tests of a single process and repeats those that the ReportGate chooses.

    Args:
        part: catches exceptions of this loop.
        tests: the collected tests, which the ReportGate uses too.
        gate: the ReportGate, which takes the reports.
        is_foreign: whether another plugin repeats a test; None if there is no such plugin.
        fresh_tests: returns the tests in an order that outcomes change, or None, for the items of
            the session.
        has_more: returns whether there are more tests after the last one, perhaps after a wait.
    """

    def __init__(
        self,
        part: Part,
        tests: RunningTests,
        gate: GuardedGate,
        is_foreign: Callable[[pytest.Item], bool] | None = None,
        fresh_tests: Callable[[Sequence[pytest.Item]], Fresh | None] = lambda _: None,
        has_more: Callable[[pytest.Session], bool] = lambda _: False,
    ) -> None:
        self._part = part
        self._tests = tests
        self._gate = gate
        self._is_foreign = is_foreign
        self._fresh_tests = fresh_tests
        self._has_more = has_more
        self._queue = RunQueue(0, lambda _: "")
        self._index = -1
        """Index of the running test; -1 if no test runs."""
        self._as_collected: dict[int, AsCollected] = {}
        """State of each repeated test before its first attempt."""
        self._again: int | None = None
        """The test that is repeated before any other test."""
        self._upcoming: int | None = None
        """The test for which the last tear-down prepared."""
        self._ran: set[int] = set()
        """Tests with at least one started attempt."""
        self._outcome: bool | None = None
        """Whether the running attempt has failed; None if it neither failed nor passed so far."""
        self._last: pytest.TestReport | None = None
        """Report of the phase of the running attempt that ended last."""

    @property
    def _items(self) -> list[pytest.Item]:
        return self._tests.items

    @pytest.hookimpl
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run all tests; called instead of pytest's own implementation."""
        if session.config.option.collectonly:
            return None
        if session.testsfailed and not session.config.option.continue_on_collection_errors:
            return None  # pytest has its own message for errors in collection
        self._tests.begin(session)
        fresh = self._fresh_tests(self._items)
        self._queue = RunQueue(len(self._items), self._block_of, fresh)
        try:
            self._run_all(session)
            while self._has_more(session):
                self._run_all(session)
        except Exception as exc:  # noqa: BLE001 - whatever fails must not fail the run
            self._part.catch(exc)
            self._run_rest(session)
        finally:
            self._settle(session)
        return True

    def go_on(self, session: pytest.Session) -> bool | None:
        """Let pytest run the tests, unless some of them have already run."""
        if not self._ran:
            return None
        self._run_rest(session)
        self._settle(session)
        return True

    def _run_all(self, session: pytest.Session) -> None:
        for step, upcoming in self._steps():
            self._run(step, upcoming)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)

    def _run_rest(self, session: pytest.Session) -> None:
        """Run the remaining tests with pytest's own protocol, starting with the prepared test."""
        left = [index for index in range(len(self._items)) if index not in self._ran]
        if self._upcoming is not None:
            self._gate.forget(self._upcoming)
            left = [self._upcoming, *(index for index in left if index != self._upcoming)]
        run_rest(session, [self._items[index] for index in left])

    @pytest.hookimpl
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> bool | None:
        """Run one attempt; called instead of pytest's own implementation."""
        if self._index < 0 or (self._is_foreign is not None and self._is_foreign(item)):
            return None
        index = self._index
        self._last = None
        place = {"nodeid": item.nodeid, "location": item.location}
        state = self._as_collected.get(index)
        is_first = state is None
        if state is None:
            item.ihook.pytest_runtest_logstart(**place)
            state = remember(item)
        else:
            restore(item, state)
        after = self._attempt(item, nextitem, index)
        if is_first and self._outcome is not None:
            self._queue.learn(index, has_failed=self._outcome)
        if self._put_back(index):
            self._as_collected[index] = state
        else:
            if after is item and nextitem is not item:
                self._finish_tear_down(item, nextitem, index)
            item.ihook.pytest_runtest_logfinish(**place)
        self._last = None
        return True

    def finish(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Let pytest run an item, or only the remaining phases if one phase has run."""
        if self._last is None or self._index < 0:
            return None
        for report in finish_attempt(item, nextitem, self._last):
            self._log(item, report, self._index)
        if self._last.when == "teardown":  # which may have prepared a repeat that will not come
            self._finish_tear_down(item, nextitem, self._index)
        self._last = None
        pytest_internals.forget_request(item)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def take_subtest(self, report: pytest.TestReport) -> None:
        """Handle the report of a subtest, which is logged from inside the call."""
        if self._index >= 0:
            self._gate.subtest(report, self._index)

    def _steps(self) -> Iterator[tuple[Step, pytest.Item | None]]:
        """Yield each step with the item of the next step, if that is already known."""
        step = self._take()
        while step is not None:
            upcoming = self._take()
            self._ran.add(step.index)
            self._upcoming = None if upcoming is None else upcoming.index
            nextitem = None if upcoming is None else self._items[upcoming.index]
            yield step, nextitem
            while self._again is not None:
                again, self._again = Step(self._again, is_rerun=True), None
                yield again, nextitem
            step = upcoming if upcoming is not None else self._take()

    def _take(self) -> Step | None:
        """Return the next step; tests that somebody has removed from the session are left out."""
        step = self._next()
        while step is not None and self._tests.was_removed(step.index):
            step = self._next()
        return step

    def _next(self) -> Step | None:
        gate, queue = self._gate, self._queue
        if not self._part.is_on:
            queue.drop_reruns()
        if not queue.n_waiting:
            return queue.take(0.0)
        queue.hold(is_held=gate.is_doubtful if queue.n_fresh else gate.is_mass_failure)
        return queue.take(perf_counter())

    def _run(self, step: Step, upcoming: pytest.Item | None) -> None:
        item = self._items[step.index]
        if step.start_at:
            _sleep_until(step.start_at, item.session)
        self._index = step.index
        if not self._part.is_on:
            self._gate.forget(step.index)
        try:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=upcoming)
        finally:
            self._index = -1

    def _attempt(
        self, item: pytest.Item, nextitem: pytest.Item | None, index: int
    ) -> pytest.Item | None:
        """Run the phases of one attempt as pytest's own protocol does, and log the reports.

        Return the item for which the tear-down prepared.
        """
        self._outcome = None
        has_request = pytest_internals.begin(item)
        report = self._last = pytest_internals.run_phase(item, "setup")
        self._log(item, report, index)
        if report.passed:
            if item.config.getoption("setupshow", default=False):
                pytest_internals.show_setup(item)
            self._last = pytest_internals.run_phase(item, "call")
            self._log(item, self._last, index)
        after = self._after(item, nextitem, index)
        self._last = _tear_down(item, after)
        self._log(item, self._last, index)
        if has_request:
            pytest_internals.forget_request(item)
        return after

    def _finish_tear_down(
        self, item: pytest.Item, nextitem: pytest.Item | None, index: int
    ) -> None:
        """Tear down fixtures kept for an attempt that does not come; log only an error."""
        report = pytest_internals.tear_down_further(item, nextitem)
        if report is not None:
            self._log(item, report, index)

    def _after(
        self, item: pytest.Item, nextitem: pytest.Item | None, index: int
    ) -> pytest.Item | None:
        """Return the item for which the tear-down prepares: the test itself if it runs next.

        Before a session stops, everything is torn down (pytest#11706).
        """
        if item.session.shouldfail or item.session.shouldstop:
            return None
        is_next = nextitem is None or self._gate.is_at_once
        if nextitem is item or (is_next and self._gate.will_repeat(index)):
            return item
        return nextitem

    def _log(self, item: pytest.Item, report: pytest.TestReport, index: int) -> None:
        if report.failed:
            self._outcome = True
        elif report.when == "call" and report.passed:
            self._outcome = False
        for one in self._gate.receive(report, index):
            item.ihook.pytest_runtest_logreport(report=one)

    def _put_back(self, index: int) -> bool:
        decision = self._gate.take_due(index)
        if decision is None:
            return False
        if self._gate.is_at_once:
            self._again = index
            return True
        self._queue.put_back(index, perf_counter() + decision.delay_s)
        return True

    def _settle(self, session: pytest.Session) -> None:
        """Report the tests as failed that were to be repeated and no longer can be."""
        self._queue.drop_reruns()
        for report in self._gate.settle():
            session.config.hook.pytest_runtest_logreport(report=report)

    def _block_of(self, index: int) -> str:
        scopes = shared_scopes(self._items[index])
        return scopes[0] if scopes else ""


def _sleep_until(start_at: float, session: pytest.Session) -> None:
    """Wait until a time. The number of naps is limited, in case the clock stands still."""
    left_s = start_at - perf_counter()
    for _ in range(int(max(left_s, 0.0) / NAP_S) + 1):
        if left_s <= 0 or session.shouldstop or session.shouldfail:
            return
        nap(left_s)
        left_s = start_at - perf_counter()


def _tear_down(item: pytest.Item, nextitem: pytest.Item | None) -> pytest.TestReport:
    """Tear down a test. If the same test is next, fixtures with a wider scope stay."""
    if nextitem is not item:
        return pytest_internals.run_phase(item, "teardown", nextitem=nextitem)
    with pytest_internals.torn_down_to(item.session, item.parent, nextitem):
        return pytest_internals.run_phase(item, "teardown", nextitem=nextitem)
