"""Evaluate all trees of a model together, feature by feature.

Each leaf has one bit; the bits of a tree stand side by side, the leftmost leaf lowest. A comparison
that sends a row to the right rules out the leaves on its left. So the leaf that a row reaches in a
tree is the lowest bit that no comparison rules out. The comparisons of a feature are sorted by
threshold, so a single search gives all that rule out leaves.

C. Lucchese et al., QuickScorer: a fast algorithm to rank documents with additive ensembles of
regression trees, SIGIR 2015.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import partial
from itertools import accumulate, repeat
from operator import and_
from typing import TYPE_CHECKING, NamedTuple

from .scoring import do_repeat, is_constant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from .tree import Tree

    Column = Sequence[float]


class _Comparison(NamedTuple):
    """One inner node."""

    column: int
    threshold: float
    ruled_out: int
    """The bits of the leaves on its left."""


class _Leaves(NamedTuple):
    """The leaves of one tree."""

    shift: int
    """Place of the first bit."""
    mask: int
    """As many bits as there are leaves."""
    values: dict[int, float]
    """By bit."""

    def of(self, found: Sequence[int]) -> list[float]:
        """Return the value that each set of bits leads to."""
        shift, mask, values = self.shift, self.mask, self.values
        return [values[own & -own] for own in [(bits >> shift) & mask for bits in found]]


def forest_sums(trees: Sequence[Tree], columns: Sequence[Column]) -> list[float]:
    """Return for each row the sum of the leaf values of all trees; no value may be NaN."""
    comparisons, leaves = _prepared(trees)
    found = _reached(comparisons, (1 << sum(map(_n_leaves, trees))) - 1, columns)
    distinct = list(set(found))
    sums = map(sum, zip(*(each.of(distinct) for each in leaves), strict=True))
    return list(map(dict(zip(distinct, sums, strict=True)).__getitem__, found))


def _reached(
    comparisons: Sequence[_Comparison], every: int, columns: Sequence[Column]
) -> list[int]:
    """Return for each row those of all bits that no comparison rules out."""
    by_column: dict[int, list[_Comparison]] = {}
    for each in sorted(comparisons, key=lambda each: each.threshold):
        by_column.setdefault(each.column, []).append(each)
    varying = []
    for place, own in by_column.items():
        if is_constant(columns[place]):
            every &= next(iter(_kept(own, every, columns[place][:1])))
        else:
            varying.append((own, columns[place]))
    found: Iterable[int] = repeat(every, len(columns[0]))
    for own, column in varying:
        found = map(and_, found, _kept(own, every, column))
    return list(found)


def _kept(comparisons: Sequence[_Comparison], every: int, column: Column) -> Iterable[int]:
    """Return for each value of a column the bits that its comparisons keep."""
    thresholds = [each.threshold for each in comparisons]
    kept = [every, *(every & ~each.ruled_out for each in comparisons)]
    reached = list(accumulate(kept, and_))
    if do_repeat([column]):
        return map(_Kept(thresholds, reached).__getitem__, column)
    return map(reached.__getitem__, map(partial(bisect_left, thresholds), column))


class _Kept(dict[float, int]):
    """The bits that the comparisons of one column keep, filled as values occur."""

    def __init__(self, thresholds: Sequence[float], reached: Sequence[int]) -> None:
        super().__init__()
        self._thresholds = thresholds
        self._reached = reached

    def __missing__(self, value: float) -> int:
        found = self[value] = self._reached[bisect_left(self._thresholds, value)]
        return found


def _prepared(trees: Sequence[Tree]) -> tuple[list[_Comparison], list[_Leaves]]:
    comparisons: list[_Comparison] = []
    leaves: list[_Leaves] = []
    shift = 0
    for tree in trees:
        spans = _spans(tree)
        for at, column in enumerate(tree.feature):
            if column >= 0:
                first, end = spans[tree.left[at]]
                ruled_out = ((1 << end) - (1 << first)) << shift
                comparisons.append(_Comparison(column, tree.threshold[at], ruled_out))
        values = {1 << spans[at][0]: tree.value[at] for at in _leaves_of(tree)}
        leaves.append(_Leaves(shift, (1 << len(values)) - 1, values))
        shift += len(values)
    return comparisons, leaves


def _n_leaves(tree: Tree) -> int:
    return tree.feature.count(-1)


def _leaves_of(tree: Tree) -> Iterator[int]:
    return (at for at, column in enumerate(tree.feature) if column < 0)


def _spans(tree: Tree) -> list[tuple[int, int]]:
    """Return the first leaf below each node, and the one after its last, counted from the left."""
    counts = [1] * len(tree.feature)
    for at in reversed(range(len(counts))):  # children come after their parent
        if tree.feature[at] >= 0:
            counts[at] = counts[tree.left[at]] + counts[tree.right[at]]
    firsts = [0] * len(counts)
    for at, column in enumerate(tree.feature):
        if column >= 0:
            firsts[tree.left[at]] = firsts[at]
            firsts[tree.right[at]] = firsts[at] + counts[tree.left[at]]
    return [(first, first + n) for first, n in zip(firsts, counts, strict=True)]
