"""Comparisons are counted on the way that each row takes."""

from __future__ import annotations

import pytest
from pytest_nexus.predictor.model.tree import Tree
from pytest_nexus.predictor.model.tree_size import TreeSize, comparisons

STEPS = Tree((0, -1, 0, -1, -1), (1.0, 0, 2.0, 0, 0), (1, 0, 3, 0, 0), (2, 0, 4, 0, 0), (0.0,) * 5)
"""A value of at most 1 takes one comparison, any other takes two."""
LEAF = Tree((-1,), (0.0,), (0,), (0,), (3.0,))


def test_the_mean_is_over_the_ways_of_the_rows() -> None:
    rows = [(0.5,), (1.5,), (2.5,), (0.0,)]
    assert comparisons([STEPS], rows) == 1.5
    assert comparisons([STEPS, STEPS], rows) == 3.0


def test_a_tree_without_a_split_compares_nothing() -> None:
    assert comparisons([LEAF], [(0.5,)]) == 0.0


def test_no_rows_have_no_mean() -> None:
    with pytest.raises(ValueError, match="no rows"):
        comparisons([STEPS], [])


def test_a_size_reads_as_people_write_it() -> None:
    assert str(TreeSize(4, 8)) == "4x8"
