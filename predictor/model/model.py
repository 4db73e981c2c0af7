"""Evaluate a model in plain Python, as sessions do: an odds product and a few small trees."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp, log
from typing import TYPE_CHECKING, Any, Final

from .forest import forest_sums
from .scoring import terms_of, weighted_sums
from .terms import TERMS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..features.rows import Row
    from .tree import Tree

_FAR: Final = 500.0

FAILURE_BOOST: Final = 8.0
"""Gain in log odds of the tests that are most like a failed one. Chosen on the recorded builds, see
docs/explanation/benchmarks.md."""
PASS_DOUBT: Final = 0.5
"""Loss in log odds of the other parameters of a function for each that passed."""

BALANCE: Final = (2.0, 0.1)
"""The balance of a history that has not learned its own."""


@dataclass(frozen=True, slots=True)
class Model:
    """One version of the model."""

    weights: Mapping[str, float]
    """Weights by term, at least 0; a term without an entry has weight 0."""
    trees: tuple[Tree, ...] = ()
    """The values of all trees are added: a score on the scale of the odds product."""
    trees_share: float = 0.0
    """Weight of the trees; the odds product has the remaining weight."""
    thrift: float = 0.5
    """Exponent of the duration in the order: 1 is Smith's rule, 0 ignores the duration."""
    floor: float = 0.0
    """Constant added to the odds of every test before ordering, as a multiple of the odds of a test
    without any evidence. Without this constant, very fast tests with a tiny failure probability
    would run before likely failures."""
    failure_boost: float = FAILURE_BOOST
    """Gain in log odds, within a run, of a test with the same words as one that has failed."""
    pass_doubt: float = PASS_DOUBT
    """Loss in log odds, within a run, of the other parameters of a function when one passes."""
    slope: float = 1.0
    """Slope of the calibration: p_fail = 1 / (1 + exp(-(slope * score + intercept)))."""
    intercept: float = -6.9
    balance: tuple[float, float] = BALANCE
    """Haste and share of the order, see `domain.records.Balance`. Not part of the document: it was
    chosen for a history, whichever model is deployed there."""
    card: Mapping[str, Any] = field(default_factory=dict)
    """Origin of the model; no decision uses it."""

    def scores(self, rows: Sequence[Row]) -> list[float]:
        """Return one score for each row; a higher score means a likelier failure.

        The duration of a test counts only if a tree uses it.
        """
        return self.scores_of(list(zip(*rows, strict=True)))

    def scores_of(self, columns: Sequence[Sequence[float]]) -> list[float]:
        """Return one score for each test, as `scores` does.

        Args:
            columns: as in `schema.FEATURES`, each with one value for each test.
        """
        if not columns or not columns[0]:
            return []
        if not self.trees:
            return weighted_sums(self.weights, columns)
        share = 1.0 - self.trees_share
        product = weighted_sums({name: share * one for name, one in self.weights.items()}, columns)
        grown = forest_sums(self.trees, columns)
        return [a + self.trees_share * b for a, b in zip(product, grown, strict=True)]

    def gain(self, score: float) -> float:
        """Return the logarithm of the odds for the order: log(exp(score) + floor).

        >>> Model({}).gain(3.0)
        3.0
        """
        if not self.floor:
            return score
        top = max(score, 0.0)
        return top + log(exp(score - top) + self.floor * exp(-top))

    def probability(self, score: float) -> float:
        """Return the calibrated probability of a failure, above 0 and below 1.

        >>> round(Model({}, intercept=0.0).probability(0.0), 3)
        0.5
        """
        z = max(-_FAR, min(_FAR, self.slope * score + self.intercept))
        return min(max(1 / (1 + exp(-z)), 1e-9), 1 - 1e-9)

    def contributions(self, row: Row) -> list[tuple[str, float]]:
        """Return the part of each term in the score of a row, largest first, without zeros."""
        share = 1 - self.trees_share if self.trees else 1.0
        terms = terms_of(row)
        found = [
            (TERMS[name].words, share * weight * terms[name])
            for name, weight in self.weights.items()
        ]
        if self.trees:
            grown = self.trees_share * sum(tree(row) for tree in self.trees)
            found.append(("learned trees", grown))
        return sorted((each for each in found if abs(each[1]) > 1e-6), key=lambda each: -each[1])
