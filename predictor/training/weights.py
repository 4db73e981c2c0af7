"""Fit the odds product to failing runs, starting from the weights of an earlier model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.optimize import minimize

from ..model.terms import TERMS
from .term_matrix import term_matrix

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from ..features.rows import Row

    Floats = NDArray[np.float64]

_ITERATIONS: Final = 200
_MOST: Final = 20.0
"""Largest weight."""


@dataclass(frozen=True, slots=True)
class FailedRun:
    """Rows of one failing run: all failing tests, and all other tests or a sample of them."""

    rows: Sequence[Row]
    failed: Sequence[bool]
    n_passing: int | None = None
    """All passing tests of the run; None if each of them has a row."""

    @property
    def represented(self) -> float:
        """The number of passing tests that each row of a passing test represents."""
        kept = len(self.failed) - sum(self.failed)
        return 1.0 if self.n_passing is None or not kept else self.n_passing / kept

    def terms(self) -> Floats:
        """Return the terms, shape (n_rows, n_terms)."""
        return term_matrix(self.rows)


def fit_weights(
    runs: Sequence[FailedRun],
    center: Mapping[str, float],
    pull: float,
    only: Collection[str] | None = None,
) -> dict[str, float]:
    """Return the weights by term, rounded to 4 digits.

    Minimises, over weights w >= 0,

        sum over runs of sum over failures of log(sum_j exp(w x_j) / exp(w x_i)) / sqrt(m)
            + pull * |w - center|^2

    This is the conditional logit (D. McFadden, 1974), the top-one ListNet loss (Z. Cao et al.,
    Learning to rank: from pairwise to listwise approach, 2007). m is the number of failures in a
    run. A run with many failures counts more than a run with few, but less than proportionally. The
    penalty is the logarithm of a normal prior around `center`. So a term on which the runs give no
    evidence keeps its weight from there.

    Args:
        runs: the failing runs.
        center: the weights to start from, by term.
        pull: strength of the penalty.
        only: the terms that are fitted; all others keep their weights. None for all terms.
    """
    names = list(TERMS)
    free = frozenset(names if only is None else only)
    start = np.array([center.get(name, 0.0) for name in names])
    if not runs:
        return dict(center)
    data = _Stacked.of(runs)

    def loss(weights: Floats) -> tuple[float, Floats]:
        value, gradient = data.loss(weights)
        away = weights - start
        return value + pull * float(away @ away), gradient + 2 * pull * away

    found: Any = minimize(
        loss,
        np.maximum(start, [0.1 if name in free else 0.0 for name in names]),
        jac=True,
        method="L-BFGS-B",
        bounds=[
            (0.0, _MOST) if name in free else (weight, weight)
            for name, weight in zip(names, start.tolist(), strict=True)
        ],
        options={"maxiter": _ITERATIONS},
    )
    return {name: round(float(weight), 4) for name, weight in zip(names, found.x, strict=True)}


@dataclass(frozen=True, slots=True)
class _Stacked:
    terms: Floats
    starts: NDArray[np.int64]
    run_of: NDArray[np.int64]
    share: Floats
    """For each row: 1 / sqrt(m) for a failure, else 0."""
    weight: Floats
    """For each run: sqrt(m)."""

    @classmethod
    def of(cls, runs: Sequence[FailedRun]) -> _Stacked:
        sizes = [len(run.rows) for run in runs]
        share = [np.array(run.failed, dtype=np.float64) for run in runs]
        m = np.array([each.sum() for each in share])
        return cls(
            np.vstack([run.terms() for run in runs]),
            np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64),
            np.repeat(np.arange(len(runs)), sizes),
            np.concatenate([each / np.sqrt(n) for each, n in zip(share, m, strict=True)]),
            np.sqrt(m),
        )

    def loss(self, weights: Floats) -> tuple[float, Floats]:
        scores = self.terms @ weights
        top = np.maximum.reduceat(scores, self.starts)
        parts = np.exp(scores - top[self.run_of])
        sums = np.add.reduceat(parts, self.starts)
        value = float((self.weight * (top + np.log(sums))).sum() - (self.share * scores).sum())
        push = parts / sums[self.run_of] * self.weight[self.run_of] - self.share
        return value, self.terms.T @ push
