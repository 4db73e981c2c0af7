"""All trees together give what each tree gives alone."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_nexus.predictor.model.forest import forest_sums
from pytest_nexus.predictor.model.tree import Tree

WIDTH = 4
VALUES = st.sampled_from([-1.0, 0.0, 0.25, 0.5, 0.75, 1.0])
ROWS = st.lists(st.tuples(*[VALUES] * WIDTH), min_size=1, max_size=30)


def grown(random: Random, most_leaves: int) -> Tree:
    """Return a random tree; children come after their parent, as in a valid document."""
    feature, threshold, left, right, value = [-1], [0.0], [0], [0], [random.uniform(-3, 3)]
    for _ in range(random.randrange(most_leaves)):
        at = random.choice([at for at, column in enumerate(feature) if column < 0])
        feature[at], threshold[at] = random.randrange(WIDTH), random.choice([-0.5, 0.25, 0.5, 2.0])
        left[at], right[at] = random.sample([len(feature), len(feature) + 1], 2)
        for column in (feature, threshold, left, right, value):
            column.extend([-1, -1] if column is feature else [0, 0])
        value[-2:] = [random.uniform(-3, 3), random.uniform(-3, 3)]
    return Tree(tuple(feature), tuple(threshold), tuple(left), tuple(right), tuple(value))


@given(ROWS, st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 40))
def test_the_sum_is_that_of_all_trees(
    rows: list[tuple[float, ...]], seed: int, n_trees: int, most_leaves: int
) -> None:
    random = Random(seed)
    trees = [grown(random, most_leaves) for _ in range(n_trees)]
    expected = [sum(tree(each) for tree in trees) for each in rows]
    assert forest_sums(trees, list(zip(*rows, strict=True))) == pytest.approx(expected, abs=1e-12)


def test_a_row_goes_left_at_the_threshold_itself() -> None:
    stump = Tree((0, -1, -1), (0.5, 0.0, 0.0), (1, 0, 0), (2, 0, 0), (0.0, -1.0, 2.0))
    assert forest_sums([stump], [(0.4, 0.5, 0.6)]) == [-1.0, -1.0, 2.0]


def test_a_tree_that_is_one_leaf_adds_its_value() -> None:
    leaf = Tree((-1,), (0.0,), (0,), (0,), (3.0,))
    assert forest_sums([leaf, leaf], [(1.0, 2.0)]) == [6.0, 6.0]
