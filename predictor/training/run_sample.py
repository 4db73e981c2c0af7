"""Take a sample of the tests of each run, for fitting."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final

from .weights import FailedRun

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..evaluation.evaluate import Case
    from ..features.rows import Row

NEGATIVES: Final = 300
"""Number of passing tests that are sampled from each run for fitting."""


def sample_of(case: Case, seed: int) -> FailedRun:
    """Return all failing tests of a run and up to 300 of its other tests."""
    rows = case.rows()
    others = [at for at, bad in enumerate(case.failed) if not bad]
    random = Random(f"{seed} {case.name}")  # noqa: S311 - a sample, no secret
    kept = random.sample(others, min(len(others), NEGATIVES))
    taken = sorted([at for at, bad in enumerate(case.failed) if bad] + kept)
    return FailedRun([rows[at] for at in taken], [case.failed[at] for at in taken], len(others))


def represented(sample: FailedRun) -> list[float]:
    """Return for each row of a sample the number of tests of its run that it represents."""
    return [1.0 if bad else sample.represented for bad in sample.failed]


@dataclass(frozen=True, slots=True)
class Sampled:
    """The samples of some runs, one after the other."""

    rows: Sequence[Row]
    failed: Sequence[bool]
    weights: Sequence[float]
    """1 / sqrt(m) for each of m failing tests of a run, and 1 for each of its passing tests.

    In a smaller sample than the usual 300 passing tests, each of them weighs more, so that their
    sum is the same. `fit_weights` uses the same weights for failing tests. Without them, the trees
    would see little but the few runs in which many tests failed.
    """

    @classmethod
    def of(cls, runs: Sequence[FailedRun]) -> Sampled:
        """Return the rows of all samples."""
        return cls(
            [row for run in runs for row in run.rows],
            [bad for run in runs for bad in run.failed],
            [weight for run in runs for weight in _weights(run)],
        )


def _weights(run: FailedRun) -> list[float]:
    m = sum(run.failed)
    usual = NEGATIVES if run.n_passing is None else min(NEGATIVES, run.n_passing)
    passing = max(1.0, usual / max(1, len(run.failed) - m))
    return [m**-0.5 if bad else passing for bad in run.failed]
