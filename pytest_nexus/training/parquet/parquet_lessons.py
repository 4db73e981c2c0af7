"""Build the training set of parquet files: all failing tests, and passing ones by sample.

Memory is bounded by the tests of the judged runs, the number of failing tests, and the samples; not
by the number of attempts.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_nexus.predictor.schema import FileChange
from pytest_nexus.predictor.training.champion import MIN_FAILED_RUNS
from pytest_nexus.predictor.training.run_sample import NEGATIVES
from pytest_nexus.predictor.training.training_set import TrainingSet
from pytest_nexus.predictor.training.weights import FailedRun
from pytest_nexus.training.dataset import MAX_CASES
from pytest_nexus.training.parquet.folded_replay import FoldedReplay
from pytest_nexus.training.parquet.runs_of_portions import runs_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from pytest_nexus.history.analytics.attempts_in_order import PastInParquet, StoredRun
    from pytest_nexus.predictor.evaluation.evaluate import Case
    from pytest_nexus.predictor.features.rows import Row
    from pytest_nexus.training.parquet.runs_of_portions import RunTests
    from pytest_nexus.training.point_in_time import LabelledTest

SOURCE: Final = "parquet"
"""Name of the source in the lineage."""


class Limits(NamedTuple):
    """How much of the past a training keeps in memory."""

    cases: int = MAX_CASES
    """Failing runs that are kept with all their tests, the newest ones; they judge the models."""
    tests: int = 4_000_000
    """Tests of all these runs together."""
    passing_rows: int = 300_000
    """Sampled passing tests of all earlier failing runs together."""
    quiet_runs: int = 200
    """Sampled runs without a failure."""
    quiet_tests: int = 50
    """Sampled tests of each of them."""


LIMITS: Final = Limits()
_LEAST_PASSING: Final = 10
"""Sampled passing tests of each earlier failing run, even if there are very many."""


@dataclass(slots=True)
class _Parts:
    """The parts of the training set."""

    cases: list[Case] = field(default_factory=list)
    earlier: list[FailedRun] = field(default_factory=list)
    quiet: list[tuple[Row, float]] = field(default_factory=list)
    used: list[StoredRun] = field(default_factory=list)


class _Wanted(NamedTuple):
    """Which runs the training set needs, by their places."""

    cases: Collection[int]
    earlier: Collection[int]
    quiet: Collection[int]
    passing: int
    """Sampled passing tests of each earlier failing run."""
    quiet_weight: float
    """Quiet runs that each sampled one represents."""


def lessons_of_parquet(
    past: PastInParquet,
    seed: int = 0,
    dependent: Collection[str] = (),
    progress: Callable[[int, int], None] | None = None,
    limits: Limits = LIMITS,
) -> TrainingSet:
    """Return the training set of a past in parquet files.

    The newest failing runs are the cases, with all their tests. Of all earlier failing runs, all
    failing tests and a sample of the others are kept, and of runs without a failure a sample. Each
    sampled row has the inverse of its probability as its weight. So the calibrated probabilities
    are those of all rows.

    Args:
        past: the runs and attempts.
        seed: of the samples.
        dependent: keys of order-dependent tests; their failures teach nothing.
        progress: called with the number of replayed runs and the number of all runs.
        limits: how much is kept in memory.
    """
    wanted = _wanted(past.runs, seed, limits)
    replay = FoldedReplay(past.tests, dependent)
    changed, parts = past.changed(), _Parts()
    for portion in past.portions():
        for run in runs_of(portion):
            stored = past.runs[run.place]
            files = [
                FileChange(each.path, each.added + each.deleted)
                for each in changed.get(stored.uid, ())
            ]
            _Moment(replay, run, stored, files).learn(parts, wanted, seed, limits)
            replay.add_run(run, stored, files)
            if progress is not None:
                progress(run.place + 1, len(past.runs))
    return TrainingSet(parts.cases, parts.quiet, parts.earlier, _source(parts.used))


def _wanted(runs: Sequence[StoredRun], seed: int, limits: Limits) -> _Wanted:
    """Choose the runs: the newest failing ones as cases, and quiet ones by the seed."""
    counts = {place: run.facts for place, run in enumerate(runs) if not run.facts["mass_failure"]}
    failing = [place for place, facts in counts.items() if facts["failed"]]
    quiet = [place for place, facts in counts.items() if not facts["failed"]]
    n_cases = n_tests = 0
    for place in reversed(failing[-limits.cases :]):
        n_tests += counts[place]["tests"] or 0
        if n_tests > limits.tests and n_cases >= MIN_FAILED_RUNS:
            break
        n_cases += 1
    first = len(failing) - n_cases
    random = Random(f"{seed} quiet runs")  # noqa: S311 - a sample, no secret
    chosen = random.sample(quiet, min(len(quiet), limits.quiet_runs))
    passing = max(_LEAST_PASSING, min(NEGATIVES, limits.passing_rows // max(1, first)))
    return _Wanted(
        frozenset(failing[first:]),
        frozenset(failing[:first]),
        frozenset(chosen),
        passing,
        len(quiet) / max(1, len(chosen)),
    )


class _Moment(NamedTuple):
    """One run, and what was known before it."""

    replay: FoldedReplay
    run: RunTests
    stored: StoredRun
    files: Sequence[FileChange]

    def learn(self, parts: _Parts, wanted: _Wanted, seed: int, limits: Limits) -> None:
        """Add the rows of the run to the training set, if it is among the wanted runs."""
        place = self.run.place
        if place not in wanted.cases and place not in wanted.earlier and place not in wanted.quiet:
            return
        lived = self.replay.lived(self.run)
        failing = [at for at, test in enumerate(lived) if test.failed]
        random = Random(f"{seed} {self.stored.uid}")  # noqa: S311 - a sample, no secret
        if place in wanted.quiet and lived:
            only = sorted(random.sample(range(len(lived)), min(len(lived), limits.quiet_tests)))
            weight = wanted.quiet_weight * len(lived) / len(only)
            parts.quiet.extend((row, weight) for row in self._rows(lived, only))
        elif failing and place in wanted.cases:
            parts.cases.append(self._case(lived))
        elif failing:
            others = [at for at, test in enumerate(lived) if not test.failed]
            kept = random.sample(others, min(len(others), wanted.passing))
            only = sorted(failing + kept)
            failed = [lived[at].failed for at in only]
            parts.earlier.append(FailedRun(self._rows(lived, only), failed, len(others)))
        else:
            return
        parts.used.append(self.stored)

    def _case(self, lived: Sequence[LabelledTest]) -> Case:
        branch = self.stored.facts["branch"]
        case = self.replay.case(self.stored.uid, lived, self.files, {}, branch=branch)
        return replace(case, blocks=None)

    def _rows(self, lived: Sequence[LabelledTest], only: Sequence[int]) -> list[Row]:
        branch = self.stored.facts["branch"]
        return self.replay.some_rows(lived, self.files, {}, only, branch)


def _source(used: Sequence[StoredRun]) -> dict[str, Any]:
    if not used:
        return {"name": SOURCE}
    return {
        "name": SOURCE,
        "first_run": used[0].uid,
        "last_run": used[-1].uid,
        "from": used[0].started_at,
        "to": used[-1].started_at,
        "runs": len(used),
        "commit": used[-1].facts["commit_id"],
    }
