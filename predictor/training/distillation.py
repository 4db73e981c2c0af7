"""Train the teacher, a gradient boosting on the maintenance job, and the student for sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from ..model.model import Tree
from ..schema import FEATURES, NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..features.rows import Row

TEACHER: Final = {
    "max_iter": 60,
    "learning_rate": 0.08,
    "max_leaf_nodes": 8,
    "min_samples_leaf": 20,
    "l2_regularization": 5.0,
}
STUDENT: Final = {
    "max_iter": 8,
    "learning_rate": 0.5,
    "max_leaf_nodes": 8,
    "min_samples_leaf": 20,
}
_DIRECTIONS: Final = {feature.name: feature.direction for feature in FEATURES}


def grow(
    rows: Sequence[Row],
    failed: Sequence[bool],
    seed: int = 0,
    weights: Sequence[float] | None = None,
) -> tuple[tuple[Tree, ...], dict[str, float]]:
    """Return the trees of the student, and their distance from the teacher.

    The teacher is fitted to the outcomes, and is monotone in every feature with a known direction.
    The student is fitted to the teacher's log odds (distillation: C. Bucila et al., Model
    compression, 2006). Both are deterministic for a seed. The weights are those of the rows for the
    teacher; None for equal weights of 1.
    """
    frame = pd.DataFrame(rows, columns=list(NAMES), dtype=np.float64)
    labels = np.array(failed, dtype=bool)
    shared: dict[str, Any] = {"monotonic_cst": _DIRECTIONS, "random_state": seed}
    # If a core is busy, several threads that wait for each other are ten times slower than one.
    with threadpool_limits(1):
        teacher = HistGradientBoostingClassifier(**TEACHER, **shared, early_stopping=False)
        target = teacher.fit(frame, labels, weights).decision_function(frame)
        student = HistGradientBoostingRegressor(**STUDENT, **shared, early_stopping=False)
        student.fit(frame, target)
    trees = _exported(student)
    grown = np.array([sum(tree(row) for tree in trees) for row in rows])
    return trees, {
        "parity": float(np.abs(grown - student.predict(frame)).max()),
        "distillation_rmse": float(np.sqrt(np.mean((grown - target) ** 2))),
    }


def _exported(student: HistGradientBoostingRegressor) -> tuple[Tree, ...]:
    baseline = float(np.ravel(student._baseline_prediction)[0])  # noqa: SLF001 - no public way
    trees = []
    for number, (predictor,) in enumerate(student._predictors):  # noqa: SLF001 - no public way
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
