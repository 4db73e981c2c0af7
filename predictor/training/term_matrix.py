"""Evaluate the terms of feature rows with numpy, for training; same definitions as `scoring`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ..model.scoring import FLAKE_DISCOUNT, MAX_RATE, RECORD
from ..model.terms import TERMS
from ..schema import NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from ..features.rows import Row
    from ..model.terms import Condition, Transform

    Floats = NDArray[np.float64]


def _log_odds(rates: Floats, base: float) -> Floats:
    capped = np.clip(rates, 0.0, MAX_RATE)
    found: Floats = np.log1p(capped / ((1.0 - capped) * base))
    return found


def _record(columns: Floats) -> Floats:
    found: Floats = (np.array(RECORD) @ columns[:3]) * (1.0 - FLAKE_DISCOUNT * columns[3])
    return found


TRANSFORMS: Final[Mapping[Transform, Callable[[Floats, float], Floats]]] = {
    "linear": lambda x, _: x[0],
    "indicator": lambda x, _: np.ones(x.shape[1]),
    "reciprocal": lambda x, _: 1.0 / (1.0 + x[0]),
    "decay": lambda x, bound: 1.0 - np.log1p(x[0]) / np.log1p(bound),
    "log_odds": lambda x, base: _log_odds(x[0], base),
    "newness": lambda x, top: np.log1p(top * np.exp(-x[0])),
    "cube": lambda x, _: x[0] ** 3,
    "larger": lambda x, _: np.maximum(x[0], x[1]),
    "record": lambda x, base: _log_odds(_record(x), base),
}
"""Values of a term, shape (n_rows,), from its features, shape (n_features, n_rows)."""

CONDITIONS: Final[Mapping[Condition, Callable[[Floats], NDArray[np.bool_]]]] = {
    "always": lambda x: np.ones(len(x), dtype=np.bool_),
    "positive": lambda x: x > 0.0,
    "adjacent": lambda x: (x >= 0.0) & (x <= 1.0),
}
"""Whether the condition holds, shape (n_rows,), by the first feature of the term."""


def term_matrix(rows: Sequence[Row]) -> Floats:
    """Return the terms of feature rows, shape (n_rows, n_terms), in the order of `TERMS`."""
    columns = np.array(rows, dtype=np.float64).reshape(len(rows), len(NAMES)).T
    found = np.empty((len(rows), len(TERMS)))
    for at, term in enumerate(TERMS.values()):
        own = columns[[NAMES.index(feature) for feature in term.features]]
        values = TRANSFORMS[term.transform](own, term.constant)
        found[:, at] = np.where(CONDITIONS[term.condition](own[0]), values, 0.0)
    return found
