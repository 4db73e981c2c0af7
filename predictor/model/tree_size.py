"""The size of the trees of a model, such as `8x4`: 8 trees with at most 4 leaves each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..features.rows import Row
    from .tree import Tree

MOST_TREES: Final = 64
MOST_LEAVES: Final = 64


class TreeSize(NamedTuple):
    """How many trees, and how many leaves each of them may have."""

    trees: int
    leaves: int

    def __str__(self) -> str:
        """Return the size as people write it: `8x4`."""
        return f"{self.trees}x{self.leaves}"


def comparisons(trees: Sequence[Tree], rows: Sequence[Row]) -> float:
    """Return the mean number of nodes of all trees that compare a value of a row.

    Raises:
        ValueError: there are no rows.
    """
    if not rows:
        raise ValueError("there are no rows")
    return sum(sum(_by_depth(tree).values(rows)) for tree in trees) / len(rows)


def _by_depth(tree: Tree) -> Tree:
    """Return the same tree with the depth of each leaf as its value."""
    depths = [0.0] * len(tree.feature)
    for at, column in enumerate(tree.feature):
        if column >= 0:  # children come after their parent
            depths[tree.left[at]] = depths[tree.right[at]] = depths[at] + 1
    return tree._replace(value=tuple(depths))
