"""Give the tests that an outcome moves their new rank, by the rule of the plan."""

from __future__ import annotations

from math import exp, inf, isinf, log
from typing import TYPE_CHECKING, NamedTuple

from pytest_nexus.plan.order import (
    EVIDENCE,
    HASTE,
    MIN_DURATION_S,
    best_prefix_rank,
    hastes,
    quiet_gain,
)
from pytest_nexus.plan.within_run.learner import NO_CHANGE, Taught, learner_of, teaches
from pytest_nexus.plan.within_run.moving_queue import MovingQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Seconds = Sequence[float] | Mapping[int, float]

    from pytest_nexus.domain.records import CollectedTest, Plan
    from pytest_nexus.plan.known_tests import StatsIndex
    from pytest_nexus.plan.within_run.learner import Change, Lessons, RunLearner

_TINY = 1e-300


class Moves:
    """The ranks of the tests of one run, and how outcomes change them.

    Args:
        learner: holds the log odds of each test.
        ranks: logarithm of the planned rank of each test, by collection index.
        seconds: expected seconds of each test, by collection index.
        thrift: exponent of the duration.
        fixed: further tests that no outcome moves, by collection index.
        added: what `plan.order.hastes` adds to the log odds of each test; nothing if empty.
    """

    def __init__(
        self,
        learner: RunLearner,
        ranks: Sequence[float],
        seconds: Sequence[float],
        thrift: float,
        fixed: frozenset[int] = frozenset(),
        added: Sequence[float] = (),
    ) -> None:
        self.learner = learner
        self.ranks = ranks
        self.seconds = seconds
        """Expected seconds by collection index, without shared set-up."""
        self._thrift = thrift
        self._hastes = added or [0.0] * len(seconds)
        # Tests that a marker keeps at the start or the end of the run have no finite rank.
        self._fixed = fixed | {index for index, rank in enumerate(ranks) if isinf(rank)}
        self._has_run = bytearray(len(learner.gains))
        self._least = log(max(EVIDENCE * quiet_gain([exp(g) for g in learner.gains]), _TINY))
        self.moved: list[Moved] = []
        """The failures that moved tests forward, in their order."""

    def after(self, index: int, *, has_failed: bool) -> Sequence[int]:
        """Return the tests that an outcome moves, by collection index; some may have started."""
        learner = self.learner
        self._has_run[index] = 1
        change: Change = learner.failed(index) if has_failed else learner.passed(index)
        if change is NO_CHANGE:
            return ()
        left = [each for each in change.indices if not self._has_run[each]]
        found = [each for each in left if each not in self._fixed]
        if has_failed:
            found = [each for each in found if learner.gains[each] >= self._least]
            if found:
                self.moved.append(Moved(index, tuple(found)))
        return found

    def rank(self, indices: Sequence[int], seconds: Seconds | None = None) -> float:
        """Return the logarithm of the rank of a test, or of tests that run in a row.

        Args:
            indices: collection indices in the order of execution.
            seconds: expected seconds by collection index, with set-up; None for those without.
        """
        given = self.seconds if seconds is None else seconds
        gains = [self.learner.gains[index] + self._hastes[index] for index in indices]
        costs = [max(given[index], MIN_DURATION_S) for index in indices]
        top = max(gains)
        if top == -inf:
            return -inf
        parts = [exp(gain - top) for gain in gains]
        return top + log(max(best_prefix_rank(parts, costs, self._thrift), _TINY))


class LivePlan(NamedTuple):
    """A plan whose order the outcomes of its run change."""

    moves: Moves
    order: Sequence[int]
    """Collection indices of the tests to run, as planned."""
    nodeids: Sequence[str]
    """Of the same tests."""
    blocks: Mapping[int, str]
    """Name of the block of each test that is in one, by collection index."""
    setups: Mapping[str, float]
    """Seconds of set-up by block name."""

    def fresh(self) -> FreshTests:
        """Return the tests for a single process."""
        return FreshTests(self.order, self.blocks, self.moves, self.setups)


def live_plan(
    plan: Plan,
    order: Sequence[int],
    index: StatsIndex,
    lessons: Lessons,
    excused: Callable[[CollectedTest], bool] | None = None,
) -> LivePlan | None:
    """Return a plan whose order outcomes change; None if the model teaches nothing.

    Args:
        plan: with ranks.
        order: collection indices of the tests that the session runs.
        index: statistics of the tests.
        lessons: of the model.
        excused: returns whether the failure of a test says nothing about the code; such a test
            neither moves nor teaches. None if no test is excused.
    """
    if not lessons.strengths.teach:
        return None
    tests = [one.test for one in plan.tests]
    fixed = {at for at, test in enumerate(tests) if excused is not None and excused(test)}
    is_news = [at not in fixed and teaches(index.find(test)[0]) for at, test in enumerate(tests)]
    forecasts = [one.forecast for one in plan.tests]
    taught = Taught(is_news, lessons.read_words)
    learner = learner_of(tests, forecasts, taught, lessons.strengths)
    seconds = [one.duration_s for one in forecasts]
    thrift = forecasts[0].thrift if forecasts else 1.0
    has_failed = [index.has_failed(test) for test in tests]
    haste = forecasts[0].balance.haste if forecasts else HASTE
    added = hastes(seconds, thrift, has_failed, haste)
    moves = Moves(learner, plan.ranks, seconds, thrift, frozenset(fixed), added)
    blocks = {at: one.block for at, one in enumerate(plan.tests) if one.block}
    nodeids = [tests[at].nodeid for at in order]
    return LivePlan(moves, order, nodeids, blocks, plan.setups)


class Moved(NamedTuple):
    """A failure, and the tests that it moved forward."""

    failed: int
    """Collection index."""
    forward: tuple[int, ...]
    """Collection indices; tests that had started may be among them."""


class FreshTests:
    """The tests of a single process that have not been taken, in an order that outcomes change.

    Tests that share a set-up move together, and are never interrupted.

    Args:
        order: collection indices in the order of the plan.
        blocks: name of the block of each test that is in one, by collection index.
        moves: ranks the tests.
        setups: seconds of set-up by block name.
    """

    def __init__(
        self,
        order: Sequence[int],
        blocks: Mapping[int, str],
        moves: Moves,
        setups: Mapping[str, float],
    ) -> None:
        self._moves = moves
        self._setups = setups
        self._blocks = blocks
        self._units = _units(order, blocks)
        self._unit_of = {index: at for at, unit in enumerate(self._units) for index in unit}
        ranks = [moves.ranks[unit[0]] for unit in self._units]
        self._queue = MovingQueue(ranks)
        self._current: list[int] = []
        self._n = len(order)

    def __len__(self) -> int:
        return self._n

    @property
    def may_grow(self) -> bool:
        """Return that no more tests come."""
        return False

    def first(self) -> int:
        """Return the collection index of the next test."""
        return self._current[-1] if self._current else self._units[self._queue.first()][0]

    def take(self) -> int:
        """Take the next test."""
        if not self._current:
            place = self._queue.first()
            self._queue.take(place)
            unit = self._units[place]
            if len(unit) == 1:  # the usual case
                self._n -= 1
                return unit[0]
            self._current = list(reversed(unit))
        self._n -= 1
        return self._current.pop()

    def learn(self, index: int, *, has_failed: bool) -> None:
        """Move tests by the outcome of one test."""
        moved = self._moves.after(index, has_failed=has_failed)
        if not moved:
            return
        for place in sorted({self._unit_of[each] for each in moved if each in self._unit_of}):
            if self._queue.has(place):
                unit = self._units[place]
                self._queue.move(place, self._moves.rank(unit, self._with_setup(unit)))

    def _with_setup(self, unit: Sequence[int]) -> dict[int, float]:
        """Return the seconds of the tests of a unit; the first pays for the set-up of its block."""
        seconds = {index: self._moves.seconds[index] for index in unit}
        seconds[unit[0]] += self._setups.get(self._blocks.get(unit[0], ""), 0.0)
        return seconds


def _units(order: Sequence[int], blocks: Mapping[int, str]) -> list[tuple[int, ...]]:
    """Return the tests that run in a row; tests of one block stand together in the order."""
    units: list[tuple[int, ...]] = []
    open_unit: list[int] = []
    for index in order:
        block = blocks.get(index, "")
        if open_unit and (not block or block != blocks.get(open_unit[-1], "")):
            units.append(tuple(open_unit))
            open_unit = []
        open_unit.append(index)
    return [*units, tuple(open_unit)] if open_unit else units


def replayed(fresh: FreshTests, failed: Sequence[bool], *, ahead: int = 1) -> list[int]:
    """Return the order in which tests run, if they end as given.

    Args:
        fresh: the tests of a run.
        failed: whether each test fails, by collection index.
        ahead: tests that are taken before the outcome of the running test is known; a single
            process knows the next test when one begins.
    """
    order: list[int] = []
    while len(fresh):
        order.append(fresh.take())
        if len(order) > ahead:
            ended = order[-1 - ahead]
            fresh.learn(ended, has_failed=failed[ended])
    return order
