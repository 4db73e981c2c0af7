"""Replay runs whose tests are in arrays: the same moments as `PointInTimeReplay`, in less time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_nexus.domain.identity import function_of_key
from pytest_nexus.domain.records import CollectedTest, NodeId, TestKey, environment_name
from pytest_nexus.history.queries.streaks import Branch
from pytest_nexus.history.state.fold import Observation
from pytest_nexus.journal.encoding import PASS
from pytest_nexus.training.parquet.folded_tests import FoldedTests
from pytest_nexus.training.point_in_time import LabelledTest, PointInTimeReplay

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from pytest_nexus.domain.records import TestStats
    from pytest_nexus.history.analytics.attempts_in_order import StoredRun
    from pytest_nexus.predictor.schema import FileChange
    from pytest_nexus.training.parquet.folded_tests import SeenTests
    from pytest_nexus.training.parquet.runs_of_portions import RunTests

_CALL = 3
_SOME = 1 | 1 << 6
"""Packed outcomes of a set-up and a tear-down that passed."""


class FoldedReplay(PointInTimeReplay):
    """The fold over the runs so far, and queries on its state.

    Args:
        keys: the keys of all tests, by number.
        dependent: keys of tests whose failures depend on the order; they say nothing of the code.
    """

    def __init__(self, keys: Sequence[str], dependent: Collection[str] = ()) -> None:
        super().__init__()
        self._tests = [_collected(key) for key in keys]
        self._numbers = {test.key: number for number, test in enumerate(self._tests)}
        self._folded = FoldedTests(keys)
        self._dependent = dependent
        self._commits: dict[tuple[str, str], int] = {}

    def stats(self) -> dict[TestKey, TestStats]:
        """Return the statistics of every test."""
        return self._folded.stats()

    def lived(self, run: RunTests) -> list[LabelledTest]:
        """Return the tests of a run with their results, in the order of their starts."""
        seen, order = run.seen, run.order
        us = seen.us[order]
        columns = zip(
            seen.test[order].tolist(),
            (_SOME | seen.outcome[order] << _CALL).tolist(),
            seen.failed[order].tolist(),
            seen.verdicts[order].tolist(),
            (np.maximum(us, 0).sum(axis=1) / 1e6).tolist(),
            *us.T.tolist(),
            strict=True,
        )
        tests, dependent = self._tests, self._dependent
        found = []
        for number, outcomes, failed, verdicts, duration_s, *phases in columns:
            test = tests[number]
            counts = failed and verdicts & PASS == 0 and test.key not in dependent
            seen_us = (None if each < 0 else each for each in phases)
            observation = Observation(outcomes, verdicts, *seen_us)
            found.append(LabelledTest(test, observation, counts, duration_s))
        return found

    def add_run(self, run: RunTests, stored: StoredRun, files: Sequence[FileChange]) -> None:
        """Add one more run to the fold."""
        seen, facts = run.seen, stored.facts
        teaches = not facts["mass_failure"]
        failed = [self._tests[number].key for number in seen.test[seen.failed].tolist()]
        self._folded.add(seen, stored.started_at, self._commit_of(stored), teaches=teaches)
        self._failed_in.update(dict.fromkeys(failed, self._n_runs))
        self._n_runs += 1
        if teaches:
            self.cofailures.add((file.path for file in files), failed)
            if facts["branch"] is not None:
                branch = self._branches.setdefault(facts["branch"], Branch())
                branch.add(list(self._verdicts(seen, branch)))

    def _commit_of(self, stored: StoredRun) -> int | None:
        """Return the number of a commit in an environment; None if the run proves no flake."""
        facts = stored.facts
        if facts["dirty"] or not facts["commit_id"]:
            return None
        environment = environment_name(facts["python"] or "", facts["platform"] or "")
        return self._commits.setdefault((facts["commit_id"], environment), len(self._commits))

    def _verdicts(self, seen: SeenTests, branch: Branch) -> Iterator[tuple[str, bool]]:
        """Yield the tests that failed, and those that failed before on the branch and passed.

        A pass of any other test changes no streak.
        """
        for number in seen.test[seen.verdicts & PASS == 0].tolist():
            yield self._tests[number].key, True
        for key in branch.streaks():
            number = self._numbers[TestKey(key)]
            at = int(np.searchsorted(seen.test, number))
            if at < len(seen.test) and seen.test[at] == number and seen.verdicts[at] & PASS:
                yield key, False


def _collected(key: str) -> CollectedTest:
    path = key.partition("::")[0]
    return CollectedTest(NodeId(key), TestKey(key), function_of_key(key), path)
