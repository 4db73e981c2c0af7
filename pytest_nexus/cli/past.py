"""Replays runs in time order: what was known before each, as the runner would have known it."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.history.packing import FAIL, VERDICT_OF
from pytest_nexus.history.stats import fold, stats_of
from pytest_nexus.moments import moment_of
from pytest_nexus.plan.lookup import StatsIndex
from pytest_nexus.predictor.evaluate import Case
from pytest_nexus.predictor.features import rows
from pytest_nexus.predictor.state import CoFailures

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_nexus.history.stats import Observation, RunFacts, State
    from pytest_nexus.predictor.features import Row
    from pytest_nexus.predictor.schema import FileChange, TestCode
    from pytest_nexus.records import CollectedTest, TestKey, TestStats

NOVEL_AFTER: Final = 50
"""A failure is novel if the test did not fail in so many of the project's runs before."""


class Lived(NamedTuple):
    """One test in one run, as it turned out."""

    test: CollectedTest
    seen: Observation
    failed: bool
    """Whether its first attempt failed and it was not flaky in this run."""
    duration_s: float


class Past:
    """The fold over the runs so far, and what can be asked of it.

    Args:
        renames: old path by new path, as far as they are known.
    """

    def __init__(self, renames: Mapping[str, str] | None = None) -> None:
        self.cofailures = CoFailures()
        self._renames = dict(renames or {})
        self._states: dict[TestKey, tuple[CollectedTest, State]] = {}
        self._stats: dict[TestKey, TestStats] = {}
        self._stale: set[TestKey] = set()
        self._failed_in: dict[TestKey, int] = {}
        self._n_runs = 0

    def stats(self) -> dict[TestKey, TestStats]:
        """Return what is known of every test."""
        for key in self._stale:
            test, state = self._states[key]
            self._stats[key] = stats_of(key, test.function_key, state)
        self._stale.clear()
        return self._stats

    def case(
        self,
        name: str,
        lived: Sequence[Lived],
        files: Sequence[FileChange],
        code: Mapping[str, TestCode],
        *,
        is_cold: bool = False,
    ) -> Case:
        """Return a run with what was known before it; `is_cold`: as if nothing had been known."""
        index = StatsIndex({} if is_cold else self.stats(), self._renames)
        moment = moment_of([each.test for each in lived], index, files, code)
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
        )

    def some_rows(
        self,
        lived: Sequence[Lived],
        files: Sequence[FileChange],
        code: Mapping[str, TestCode],
        only: Iterable[int],
    ) -> list[Row]:
        """Return the rows of some tests of a run, by their positions in it."""
        index = StatsIndex(self.stats(), self._renames)
        moment = moment_of([each.test for each in lived], index, files, code)
        found: list[Row] = rows(moment, self.cofailures, only)
        return found

    def add(
        self,
        lived: Iterable[Lived],
        facts: RunFacts,
        files: Sequence[FileChange] = (),
    ) -> None:
        """Fold one more run in."""
        states = self._states
        failed = []
        for test, seen, _, _ in lived:
            before = states.get(test.key)
            states[test.key] = (test, fold(before[1] if before else None, facts, seen))
            self._stale.add(test.key)
            if VERDICT_OF[seen.outcomes] == FAIL:
                self._failed_in[test.key] = self._n_runs
                failed.append(test.key)
        self._n_runs += 1
        if facts.teaches_flakes:
            self.cofailures.add((file.path for file in files), failed)

    def _is_novel(self, key: TestKey) -> bool:
        return self._n_runs - self._failed_in.get(key, -NOVEL_AFTER) >= NOVEL_AFTER
