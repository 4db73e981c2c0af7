"""A model as the runner evaluates it, in plain Python: an odds product, and a few small trees."""

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


class Tree(NamedTuple):
    """A regression tree in arrays; node 0 is the root, and children stand behind their parent."""

    feature: tuple[int, ...]
    """Column compared at each node; -1 for a leaf."""
    threshold: tuple[float, ...]
    """A row goes left where its value is at or below it."""
    left: tuple[int, ...]
    right: tuple[int, ...]
    value: tuple[float, ...]
    """Of a leaf: what it adds."""

    def __call__(self, row: Row) -> float:
        """Return the value of the leaf that a row ends in."""
        at = 0
        while (column := self.feature[at]) >= 0:
            at = self.left[at] if row[column] <= self.threshold[at] else self.right[at]
        return self.value[at]

    def values(self, rows: Sequence[Row]) -> list[float]:
        """Return the value of the leaf of each row; node by node, which is quicker than by row."""
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
    """One version."""

    weights: Mapping[str, float]
    """By term, at or above 0; a term that is not named weighs nothing."""
    trees: tuple[Tree, ...] = ()
    """Added up: a score on the scale of the odds product."""
    trees_share: float = 0.0
    """Weight of the trees; the odds product has the rest."""
    thrift: float = 0.5
    """Exponent of the duration in the order: 1 is Smith's rule, 0 ignores time."""
    floor: float = 0.0
    """Added to the odds of every test in the order, by the odds of one of which nothing speaks: so
    that quick tests which hardly ever fail do not crowd out the others."""
    slope: float = 1.0
    """Of the calibration: p_fail = 1 / (1 + exp(-(slope * score + intercept)))."""
    intercept: float = -6.9
    card: Mapping[str, Any] = field(default_factory=dict)
    """Where it came from; not used in any decision."""

    def scores(self, rows: Sequence[Row]) -> list[float]:
        """Return one score for each row, higher for a likelier failure.

        The duration of a test does not enter unless a tree asks for it.
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
        """Return what the order takes for the logarithm of the odds: log(exp(score) + floor).

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
        """Return what each term adds to the score of a row, largest first; none that adds 0."""
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
