"""One regression tree, in arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..features.rows import Row


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
