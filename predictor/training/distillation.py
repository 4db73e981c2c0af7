"""Train the teacher, a gradient boosting on the maintenance job, and the student for sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from ..model.tree import Tree
from ..model.tree_size import TreeSize, comparisons
from ..schema import FEATURES, NAMES
from .settings import DEFAULTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..features.rows import Row
    from .settings import Settings

    Boosted: TypeAlias = HistGradientBoostingClassifier | HistGradientBoostingRegressor
    Floats = NDArray[np.float64]

STUDENT_SIZE: Final = TreeSize(8, 8)
"""The size of a student where nobody asked for another one."""
STUDENT_LEAST: Final = 20
"""Fewest rows in a leaf of a student."""
_DIRECTIONS: Final = {feature.name: feature.direction for feature in FEATURES}
_COUNTED: Final = 5_000
"""Number of rows on which comparisons are counted."""


@dataclass(frozen=True, slots=True)
class Teacher:
    """A large gradient boosting, and the rows that it was fitted to."""

    boosted: HistGradientBoostingClassifier
    frame: pd.DataFrame
    target: Floats
    """The log odds of the teacher on these rows."""
    seed: int
    settings: Settings = DEFAULTS

    def student(self, size: TreeSize) -> HistGradientBoostingRegressor:
        """Return a small boosting, fitted to the log odds of the teacher.

        Distillation: C. Bucila et al., Model compression, 2006.
        """
        student = HistGradientBoostingRegressor(
            **_shared(self.seed),
            learning_rate=self.settings.student_rate,
            min_samples_leaf=STUDENT_LEAST,
            max_iter=size.trees,
            max_leaf_nodes=size.leaves,
        )
        with threadpool_limits(1):
            return student.fit(self.frame, self.target)


def teach(
    rows: Sequence[Row],
    failed: Sequence[bool],
    seed: int = 0,
    weights: Sequence[float] | None = None,
    settings: Settings = DEFAULTS,
) -> Teacher:
    """Return a teacher that is fitted to outcomes.

    It is monotone in every feature with a known direction, and deterministic for a seed. The
    weights are those of the rows; None for equal weights of 1.
    """
    frame = pd.DataFrame(rows, columns=list(NAMES), dtype=np.float64)
    boosted = HistGradientBoostingClassifier(**settings.teacher, **_shared(seed))
    # If a core is busy, several threads that wait for each other are ten times slower than one.
    with threadpool_limits(1):
        boosted.fit(frame, np.array(failed, dtype=bool), weights)
    return Teacher(boosted, frame, log_odds(boosted, frame), seed, settings)


def log_odds(boosted: Boosted, frame: pd.DataFrame) -> Floats:
    """Return the log odds that a teacher or a student gives to rows."""
    is_teacher = isinstance(boosted, HistGradientBoostingClassifier)
    scores = boosted.decision_function if is_teacher else boosted.predict
    with threadpool_limits(1):
        return np.asarray(scores(frame), dtype=np.float64)


def grow(
    rows: Sequence[Row],
    failed: Sequence[bool],
    seed: int = 0,
    weights: Sequence[float] | None = None,
    size: TreeSize = STUDENT_SIZE,
) -> tuple[tuple[Tree, ...], dict[str, float]]:
    """Return the trees of a student, and its figures beside those of its teacher."""
    return taught(teach(rows, failed, seed, weights), size)


def taught(teacher: Teacher, size: TreeSize) -> tuple[tuple[Tree, ...], dict[str, float]]:
    """Return the trees of a student of a teacher, and its figures beside those of its teacher."""
    is_teacher = size == teacher.settings.teacher_size
    student = teacher.boosted if is_teacher else teacher.student(size)
    trees = exported(student)
    rows = list(teacher.frame.itertuples(index=False, name=None))
    grown = np.sum([tree.values(rows) for tree in trees], axis=0)
    return trees, {
        "parity": float(np.abs(grown - log_odds(student, teacher.frame)).max()),
        "distillation_rmse": float(np.sqrt(np.mean((grown - teacher.target) ** 2))),
        "teacher_comparisons": comparisons(exported(teacher.boosted), rows[-_COUNTED:]),
        "student_comparisons": comparisons(trees, rows[-_COUNTED:]),
    }


def _shared(seed: int) -> dict[str, Any]:
    return {"monotonic_cst": _DIRECTIONS, "random_state": seed, "early_stopping": False}


def exported(boosted: Boosted) -> tuple[Tree, ...]:
    """Return the trees of a boosting, as sessions evaluate them."""
    baseline = float(np.ravel(boosted._baseline_prediction)[0])  # noqa: SLF001 - no public way
    trees = []
    for number, (predictor,) in enumerate(boosted._predictors):  # noqa: SLF001 - no public way
        nodes: NDArray[Any] = predictor.nodes
        leaf = nodes["is_leaf"].astype(bool)
        first = baseline if number == 0 else 0.0
        trees.append(
            Tree(
                tuple(
                    -1 if is_leaf else int(at)
                    for is_leaf, at in zip(leaf, nodes["feature_idx"], strict=True)
                ),
                tuple(
                    0.0 if is_leaf else float(x)
                    for is_leaf, x in zip(leaf, nodes["num_threshold"], strict=True)
                ),
                tuple(int(x) for x in nodes["left"]),
                tuple(int(x) for x in nodes["right"]),
                tuple(float(x) + first for x in nodes["value"]),
            )
        )
    return tuple(trees)
