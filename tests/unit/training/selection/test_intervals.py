from __future__ import annotations

from random import Random

import pytest

from pytest_nexus.plan.selection.shares import of_counts
from pytest_nexus.training.selection.intervals import of_sums, of_tests


def test_nothing_has_no_share():
    assert of_counts(0, 0) is None
    assert of_sums([]) is None
    assert of_sums([(0.0, 0.0)]) is None


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (10, 10), (3, 7)])
def test_the_interval_holds_the_share(hits, n):
    found = of_counts(hits, n)
    assert found is not None
    assert 0.0 <= found.low <= found.share <= found.high <= 1.0
    assert found.low < found.high


def test_about_95_percent_of_the_intervals_hold_the_true_share():
    random = Random(2)
    held = 0
    for _ in range(300):
        found = of_counts(sum(random.random() < 0.9 for _ in range(80)), 80)
        assert found is not None
        held += found.low <= 0.9 <= found.high
    assert 0.91 <= held / 300 <= 0.99


def test_a_ratio_of_sums_weighs_long_runs_more():
    found = of_sums([(1.0, 1.0), (0.0, 3.0)] * 20)
    assert found is not None
    assert found.share == 0.25
    assert found.low < 0.25 < found.high
    assert of_sums([(1.0, 2.0)] * 5) == (0.5, 0.5, 0.5)


def test_no_miss_in_few_runs_is_not_certain():
    assert of_tests([]) is None
    assert of_sums([(0.0, 9.0)] * 19) == (0.0, 0.0, 0.0)
    assert of_tests([(0.0, 9.0)] * 19) == of_counts(0, 19), "tests of one run fail together"
    assert of_tests([(9.0, 9.0)] * 19 + [(0.0, 0.0)]) == of_counts(19, 19)
    assert of_tests([(1.0, 2.0)] * 5) == (0.5, 0.5, 0.5)
