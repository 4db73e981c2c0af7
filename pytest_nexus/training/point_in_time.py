"""Replay runs in time order, each with what a session would have known before it."""

from __future__ import annotations

from array import array
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.evidence import NO_EVIDENCE, Evidence, Streaks
from pytest_nexus.domain.records import USUAL, Balance, Forecast
from pytest_nexus.forecast.snapshot import moment_of, words_of
from pytest_nexus.history.queries.streaks import DEFAULT_BRANCHES, Branch
from pytest_nexus.history.state.fold import fold, stats_of
from pytest_nexus.journal.encoding import FAIL, PASS, VERDICT_OF
from pytest_nexus.plan.blocks import lay_out
from pytest_nexus.plan.known_tests import StatsIndex
from pytest_nexus.plan.order import hastes, log_ranks, order, ranked
from pytest_nexus.plan.setup_costs import charge, seconds_in, shared_setups
from pytest_nexus.plan.within_run.learner import Strengths, Taught, learner_of, teaches
from pytest_nexus.plan.within_run.moves import FreshTests, Moves, replayed
from pytest_nexus.predictor.evaluation.evaluate import Case
from pytest_nexus.predictor.features.history import CoFailures
from pytest_nexus.predictor.features.rows import rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_nexus.domain.evidence import ExecutedChange
    from pytest_nexus.domain.records import CollectedTest, TestKey, TestStats
    from pytest_nexus.history.state.fold import Observation, RunFacts, State
    from pytest_nexus.plan.blocks import Layout
    from pytest_nexus.plan.setup_costs import Setups
    from pytest_nexus.predictor.features.rows import Row
    from pytest_nexus.predictor.schema import FileChange, TestCode

NOVEL_AFTER: Final = 50
"""A failure is novel if the test did not fail in this many earlier runs of the project."""


class SharedSetups:
    """Files and set-ups that the tests of one run share, with expected and real durations."""

    def __init__(  # noqa: PLR0913 - one for each thing that tests of one run share
        self,
        tests: Sequence[CollectedTest],
        layout: Layout,
        expected: Setups,
        own_s: Sequence[float],
        paid: Mapping[str, float],
        taught: Taught,
        *,
        has_failed: Sequence[bool] = (),
    ) -> None:
        self.expected = expected
        self._taught = taught
        self._has_failed = has_failed
        self._tests = tests
        self._layout = layout
        self._own_s = own_s
        self._paid = paid

    @classmethod
    def of(
        cls, lived: Sequence[LabelledTest], index: StatsIndex, code: Mapping[str, TestCode]
    ) -> SharedSetups:
        """Return the shared set-ups with their expected and their real durations."""
        tests = [each.test for each in lived]
        layout = lay_out(tests)
        true = charge(tests, lambda at: (lived[at].seen.setup_us or 0) / 1e6, layout)
        own_s = [
            max(0.0, each.duration_s - true.paid_by.get(at, 0.0)) for at, each in enumerate(lived)
        ]
        is_news = [teaches(index.find(test)[0]) for test in tests]
        taught = Taught(is_news, partial(words_of, code))
        setups = shared_setups(tests, index, layout)
        has_failed = [index.has_failed(test) for test in tests]
        return cls(tests, layout, setups, own_s, true.by_block, taught, has_failed=has_failed)

    @property
    def has_setups(self) -> bool:
        """Whether tests share fixtures, or keep their order because of a marker."""
        return any(test.scopes or test.marker for test in self._tests)

    def order(
        self,
        gains: Sequence[float],
        seconds: Sequence[float],
        thrift: float,
        balance: tuple[float, float] = USUAL,
    ) -> list[int]:
        """Return the positions of the tests in the order of a session."""
        forecasts = _forecasts(gains, seconds, thrift, balance)
        setups = self.expected.by_block
        return order(self._tests, forecasts, setups, self._layout, self._has_failed)

    def learned(
        self,
        gains: Sequence[float],
        seconds: Sequence[float],
        thrift: float,
        failed: Sequence[bool],
        strengths: tuple[float, float],
        balance: tuple[float, float] = USUAL,
    ) -> list[int]:
        """Return the positions of the tests in the order of a session that learns as it runs."""
        forecasts = _forecasts(gains, seconds, thrift, balance)
        setups = self.expected.by_block
        execution, ranks = ranked(self._tests, forecasts, setups, self._layout, self._has_failed)
        learner = learner_of(self._tests, forecasts, self._taught, Strengths(*strengths))
        added = hastes(seconds, thrift, self._has_failed, balance[0]) if self._has_failed else ()
        moves = Moves(learner, log_ranks(ranks), seconds, thrift, added=added)
        return replayed(FreshTests(execution, self._layout.names(), moves, setups), failed)

    def seconds(self, order: Sequence[int]) -> list[float]:
        """Return the seconds of each test by position, if the tests ran in the given order."""
        return seconds_in(order, self._tests, self._own_s, self._paid)


def _forecasts(
    gains: Sequence[float], seconds: Sequence[float], thrift: float, balance: tuple[float, float]
) -> list[Forecast]:
    """Return forecasts for an order; their probability of a failure decides nothing."""
    both = Balance(*balance)
    return [
        Forecast(0.5, each, gain=gain, thrift=thrift, balance=both)
        for gain, each in zip(gains, seconds, strict=True)
    ]


class LabelledTest(NamedTuple):
    """One test in one run, with its result."""

    test: CollectedTest
    seen: Observation
    failed: bool
    """Whether its first attempt failed and the test was not flaky in this run."""
    duration_s: float
    executed: ExecutedChange | None = None
    """What it executed of the change of this run when it last passed before it; None if that is not
    known."""


def _executed(lived: Iterable[LabelledTest]) -> dict[TestKey, ExecutedChange]:
    return {each.test.key: each.executed for each in lived if each.executed is not None}


class PointInTimeReplay:
    """The fold over the runs so far, and queries on its state.

    Args:
        renames: old path by new path, as far as known.
        default: possible names of the default branch, the likeliest first.
    """

    def __init__(
        self,
        renames: Mapping[str, str] | None = None,
        default: Sequence[str] = DEFAULT_BRANCHES,
    ) -> None:
        self.cofailures = CoFailures()
        self._renames = dict(renames or {})
        self._states: dict[TestKey, tuple[CollectedTest, State]] = {}
        self._stats: dict[TestKey, TestStats] = {}
        self._stale: set[TestKey] = set()
        self._failed_in: dict[TestKey, int] = {}
        self._n_runs = 0
        self._default = default
        self._branches: dict[str, Branch] = {}

    def stats(self) -> dict[TestKey, TestStats]:
        """Return the statistics of every test."""
        for key in self._stale:
            test, state = self._states[key]
            self._stats[key] = stats_of(key, test.function_key, state)
        self._stale.clear()
        return self._stats

    def case(
        self,
        name: str,
        lived: Sequence[LabelledTest],
        files: Sequence[FileChange],
        code: Mapping[str, TestCode],
        *,
        is_cold: bool = False,
        branch: str | None = None,
    ) -> Case:
        """Return a run with what was known before it; with `is_cold`, as if nothing was known."""
        index = StatsIndex({} if is_cold else self.stats(), self._renames)
        streaks = self._streaks(branch)
        tests = [each.test for each in lived]
        shared = SharedSetups.of(lived, index, code)
        evidence = NO_EVIDENCE if is_cold else Evidence(streaks, _executed(lived))
        moment = moment_of(tests, index, files, code, shared.expected, evidence)
        values = array("d")
        for row in rows(moment, None if is_cold else self.cofailures):
            values.extend(row)
        return Case(
            name,
            values,
            tuple(each.failed for each in lived),
            tuple(self._is_novel(each.test.key) for each in lived),
            tuple(test.duration_s for test in moment.tests),
            tuple(each.duration_s for each in lived),
            shared,
        )

    def rows(
        self,
        lived: Sequence[LabelledTest],
        files: Sequence[FileChange],
        code: Mapping[str, TestCode],
        branch: str | None = None,
    ) -> list[Row]:
        """Return the feature rows of all tests of a run, with the shared set-ups of a session."""
        index = StatsIndex(self.stats(), self._renames)
        tests = [each.test for each in lived]
        setups = shared_setups(tests, index, lay_out(tests))
        evidence = Evidence(self._streaks(branch), _executed(lived))
        moment = moment_of(tests, index, files, code, setups, evidence)
        found: list[Row] = rows(moment, self.cofailures)
        return found

    def some_rows(
        self,
        lived: Sequence[LabelledTest],
        files: Sequence[FileChange],
        code: Mapping[str, TestCode],
        only: Iterable[int],
        branch: str | None = None,
    ) -> list[Row]:
        """Return the feature rows of some tests of a run, by their positions in it."""
        index = StatsIndex(self.stats(), self._renames)
        tests = [each.test for each in lived]
        evidence = Evidence(self._streaks(branch), _executed(lived))
        moment = moment_of(tests, index, files, code, evidence=evidence)
        found: list[Row] = rows(moment, self.cofailures, only)
        return found

    def add(
        self,
        lived: Iterable[LabelledTest],
        facts: RunFacts,
        files: Sequence[FileChange] = (),
        branch: str | None = None,
    ) -> None:
        """Add one more run to the fold."""
        states = self._states
        failed: list[TestKey] = []
        verdicts: list[tuple[str, bool]] = []
        stale = self._stale.add
        for each in lived:
            test, seen = each.test, each.seen
            key = test.key
            before = states.get(key)
            states[key] = (test, fold(before[1] if before else None, facts, seen))
            stale(key)
            if seen.verdicts:
                verdicts.append((key, not seen.verdicts & PASS))
            if VERDICT_OF[seen.outcomes] == FAIL:
                self._failed_in[key] = self._n_runs
                failed.append(key)
        self._n_runs += 1
        if facts.teaches_flakes:
            self.cofailures.add((file.path for file in files), failed)
            if branch is not None:
                self._branches.setdefault(branch, Branch()).add(verdicts)

    def _streaks(self, branch: str | None) -> Streaks:
        bases = (self._branches[name] for name in self._default if name in self._branches)
        base = next(bases, None)
        here = None if branch is None else self._branches.get(branch)
        return Streaks(
            None if here is None else here.streaks(), None if base is None else base.streaks()
        )

    def _is_novel(self, key: TestKey) -> bool:
        return self._n_runs - self._failed_in.get(key, -NOVEL_AFTER) >= NOVEL_AFTER
