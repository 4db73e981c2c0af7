"""Calibrate scores as probabilities that match the observed failure rates."""

from __future__ import annotations

from array import array
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import minimize

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from ..features.rows import Row
    from .model import Model

    Floats = NDArray[np.float64]

_RIDGE: Final = 1e-3
_PORTION: Final = 20_000
"""Rows that are scored at once."""


def calibrated(model: Model, labelled: Iterable[tuple[Row, bool, float]]) -> Model:
    """Return the model with slope and intercept fitted to outcomes.

    Each row is weighted by the number of tests that it represents. If all outcomes are equal, the
    model is returned unchanged. Rows are scored in portions, so they need not fit into memory.
    """
    scores, failed, weights = array("d"), array("d"), array("d")
    rest = iter(labelled)
    while portion := list(islice(rest, _PORTION)):
        scores.extend(model.scores([row for row, _, _ in portion]))
        failed.extend(bad for _, bad, _ in portion)
        weights.extend(weight for _, _, weight in portion)
    if not failed or min(failed) == max(failed):
        return model
    slope, intercept = line(*(np.array(each) for each in (scores, failed, weights)))
    return replace(model, slope=round(slope, 4), intercept=round(intercept, 4))


def line(scores: Floats, failed: Floats, weights: Floats) -> tuple[float, float]:
    """Return slope and intercept of p = 1 / (1 + exp(-(slope * score + intercept))).

    J. Platt, Probabilistic outputs for support vector machines, 1999.
    """

    def loss(values: Floats) -> tuple[float, Floats]:
        z = values[0] * scores + values[1]
        error = (1 / (1 + np.exp(-z)) - failed) * weights
        value = float((weights * (np.logaddexp(0, z) - failed * z)).sum())
        ridge = _RIDGE * len(scores)
        gradient = np.array([error @ scores + 2 * ridge * (values[0] - 1) * 0.01, error.sum()])
        return value + 0.01 * ridge * (values[0] - 1) ** 2, gradient

    found = minimize(loss, [1.0, -6.0], jac=True, method="L-BFGS-B", bounds=[(0, 20), (-30, 30)])
    return float(found.x[0]), float(found.x[1])
