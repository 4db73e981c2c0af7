"""Evaluate a model in plain Python, as sessions do: an odds product and a few small trees."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp, log
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .scoring import terms_of, weighted_sums
from .terms import TERMS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..features.rows import Row

_FAR: Final = 500.0

FAILURE_BOOST: Final = 8.0
"""Gain in log odds of the tests that are most like a failed one. Chosen on the recorded builds, see
docs/explanation/benchmarks.md."""
PASS_DOUBT: Final = 0.5
"""Loss in log odds of the other parameters of a function for each that passed."""


class Tree(NamedTuple):
    """A regression tree in arrays; node 0 is the root, and children come after their parent."""

    feature: tuple[int, ...]
    """The column that each node compares; -1 for a leaf."""
    threshold: tuple[float, ...]
    """A row goes to the left child if its value is at most the threshold."""
    left: tuple[int, ...]
    right: tuple[int, ...]
    value: tuple[float, ...]
    """The part of the score that a leaf adds."""

    def __call__(self, row: Row) -> float:
        """Return the value of the leaf that a row reaches."""
        at = 0
        while (column := self.feature[at]) >= 0:
            at = self.left[at] if row[column] <= self.threshold[at] else self.right[at]
        return self.value[at]

    def values(self, rows: Sequence[Row]) -> list[float]:
        """Return the leaf value of each row; going node by node is faster than row by row."""
        found = [0.0] * len(rows)
        reached: list[list[int]] = [[] for _ in self.feature]
        reached[0] = list(range(len(rows)))
        for at, column in enumerate(self.feature):
            if column < 0:
                for place in reached[at]:
                    found[place] = self.value[at]
                continue
            threshold = self.threshold[at]
            reached[self.left[at]] = [i for i in reached[at] if rows[i][column] <= threshold]
            reached[self.right[at]] = [i for i in reached[at] if not rows[i][column] <= threshold]
        return found


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
    card: Mapping[str, Any] = field(default_factory=dict)
    """Origin of the model; no decision uses it."""

    def scores(self, rows: Sequence[Row]) -> list[float]:
        """Return one score for each row; a higher score means a likelier failure.

        The duration of a test counts only if a tree uses it.
        """
        if not self.trees:
            return weighted_sums(self.weights, rows)
        share = 1.0 - self.trees_share
        product = weighted_sums({name: share * one for name, one in self.weights.items()}, rows)
        grown = [tree.values(rows) for tree in self.trees]
        return [
            score + self.trees_share * sum(values)
            for score, values in zip(product, zip(*grown, strict=True), strict=True)
        ]

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
