"""Walk up the sizes of students, and find the smallest that loses next to nothing."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from ..evaluation.baselines import order_by
from ..evaluation.evaluate import by_thrift
from ..evaluation.losses import Losses, Mark, losses
from ..evaluation.metrics import score
from ..model.calibration import line
from ..model.tree_size import TreeSize, comparisons
from ..schema import NAMES
from .distillation import exported, log_odds, teach
from .run_sample import Sampled, represented, sample_of
from .settings import DEFAULTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..evaluation.evaluate import Case
    from ..model.model import Model
    from .distillation import Boosted, Floats, Teacher
    from .settings import Settings
    from .weights import FailedRun

    Fit = Callable[[Sequence[FailedRun]], Model]
    """Fits the odds product beside the trees to samples of runs."""

SIZES: Final = tuple(
    TreeSize(trees, leaves)
    for trees, leaves in (
        *((1, 4), (2, 4), (4, 4), (4, 8), (8, 4), (6, 8)),
        *((8, 8), (12, 8), (16, 8), (24, 8), (32, 8)),
    )
)
"""The rungs, from few comparisons to many."""
_FOLDS: Final = (0.5, 0.75, 1.0)
"""Trees are fitted to the runs up to each of these shares, and judged on those up to the next."""


class Rung(NamedTuple):
    """One size of students, and what it loses."""

    size: TreeSize
    comparisons: float
    """Per test."""
    losses: Losses
    """Against the teacher, on held-back runs, both beside the odds product as in a session."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """The sizes that were tried."""

    teacher_comparisons: float
    """Per test."""
    n_runs: int
    """Number of failing runs that judged; no tree was fitted to them before."""
    rungs: tuple[Rung, ...]
    """From the first size to the last one tried."""

    @property
    def smallest(self) -> Rung | None:
        """The first rung within the tolerance; None if every size loses more."""
        return next((rung for rung in self.rungs if rung.losses.is_tolerable), None)


def climb(
    cases: Sequence[Case],
    fit: Fit,
    seed: int,
    sizes: Sequence[TreeSize] = SIZES,
    settings: Settings = DEFAULTS,
) -> Ladder | None:
    """Try sizes until one is within the tolerance; None if there are too few runs to hold back.

    Args:
        cases: failing runs in time order. Those that judge are newer than those that teach.
        fit: fits the odds product beside the trees.
        seed: of the samples and the trees.
        sizes: the sizes to try, in this order.
        settings: of the trees.
    """
    edges = [int(len(cases) * share) for share in _FOLDS]
    folds = [
        Fold.of(cases[:start], cases[start:end], fit, seed, settings)
        for start, end in pairwise(edges)
        if 0 < start < end
    ]
    if not folds:
        return None
    rungs: list[Rung] = []
    for size in sizes:
        rungs.append(rung_of(size, folds))
        if rungs[-1].losses.is_tolerable:
            break
    teachers = fmean(fold.comparisons(fold.teacher.boosted) for fold in folds)
    return Ladder(teachers, sum(len(fold.held) for fold in folds), tuple(rungs))


def rung_of(size: TreeSize, folds: Sequence[Fold]) -> Rung:
    """Return what students of a size lose on the held-back runs of all folds."""
    return Rung(size, *judged([fold.teacher.student(size) for fold in folds], folds))


def judged(students: Sequence[Boosted], folds: Sequence[Fold]) -> tuple[float, Losses]:
    """Return the comparisons per test and the losses of students, one for each fold."""
    ours = [mark for fold, one in zip(folds, students, strict=True) for mark in fold.marks(one)]
    theirs = [mark for fold in folds for mark in fold.of_teacher]
    counted = [fold.comparisons(one) for fold, one in zip(folds, students, strict=True)]
    return fmean(counted), losses(ours, theirs)


@dataclass(frozen=True, slots=True)
class Fold:
    """A teacher that was fitted to earlier runs, and later runs that judge."""

    teacher: Teacher
    own: Model
    """The odds product beside the trees."""
    product: Floats
    """Of the rows that the teacher was fitted to."""
    outcomes: tuple[Floats, Floats]
    """Whether each of these rows failed, and how many tests it represents."""
    held: Sequence[tuple[Case, Floats]]
    """The later runs, each with the odds product of its tests."""
    of_teacher: list[Mark]

    @classmethod
    def of(
        cls,
        past: Sequence[Case],
        held: Sequence[Case],
        fit: Fit,
        seed: int,
        settings: Settings = DEFAULTS,
    ) -> Fold:
        """Fit the teacher, and judge it."""
        runs = [sample_of(case, seed) for case in past]
        own, sampled = fit(runs), Sampled.of(runs)
        teacher = teach(sampled.rows, sampled.failed, seed, sampled.weights, settings)
        product = np.array(own.scores(sampled.rows))
        outcomes = (
            np.array(sampled.failed, dtype=np.float64),
            np.array([n for run in runs for n in represented(run)]),
        )
        later = [(case, np.array(own.scores(case.rows()))) for case in held]
        fold = cls(teacher, own, product, outcomes, later, [])
        fold.of_teacher.extend(fold.marks(teacher.boosted))
        return fold

    def marks(self, boosted: Boosted) -> Iterator[Mark]:
        """Yield how good a boosting is on each held-back run, beside the odds product."""
        share = self.teacher.settings.trees_share
        scores = _beside(self.product, log_odds(boosted, self.teacher.frame), share)
        slope, intercept = line(scores, *self.outcomes)
        for case, product in self.held:
            found = _beside(product, log_odds(boosted, _frame_of(case)), share)
            yield _mark(case, self.own, found, slope * found + intercept)

    def comparisons(self, boosted: Boosted) -> float:
        """Return the comparisons per test of the newest held-back run."""
        return comparisons(exported(boosted), self.held[-1][0].rows())


def _beside(product: Floats, trees: Floats, share: float) -> Floats:
    return (1.0 - share) * product + share * trees


def _frame_of(case: Case) -> pd.DataFrame:
    matrix = np.frombuffer(case.matrix, dtype=np.float64).reshape(-1, len(NAMES))
    return pd.DataFrame(matrix, columns=list(NAMES))


def _mark(case: Case, model: Model, scores: Floats, z: Floats) -> Mark:
    order = order_by(by_thrift(model, scores.tolist(), case.expected_s))
    failed = np.array(case.failed, dtype=np.float64)
    return Mark(
        score(order, case.failed, case.duration_s).apfdc,
        None if failed.all() else float(roc_auc_score(failed, scores)),
        float((np.logaddexp(0.0, z) - failed * z).sum()),
        sum(case.failed),
        len(case.failed),
    )
