"""The interval of a difference, where the distribution of the means is known."""

from __future__ import annotations

import pytest
from pytest_nexus.predictor.evaluation.bootstrap import improvement


def test_a_constant_difference_has_no_width() -> None:
    assert improvement([0.75] * 5, [0.5] * 5) == (0.25, 0.25, 0.25)
    assert improvement([0.5] * 5, [0.75] * 5) == (-0.25, -0.25, -0.25)
    assert improvement([0.5, 0.7], [0.5, 0.7]) == (0.0, 0.0, 0.0)


def test_of_two_runs_a_quarter_of_the_means_lies_at_each_end() -> None:
    """Means of two draws from 0 and 1 are 0, 0.5 and 1, with shares of 1/4, 1/2 and 1/4."""
    assert improvement([1.0, 0.5], [0.0, 0.5]) == (0.5, 0.0, 1.0)


def test_the_bounds_leave_out_a_twentieth_on_each_side() -> None:
    """One run of ten is better by 1: 35 % of the means are 0, 93 % to 0.2, 99 % to 0.3."""
    gain, low, high = improvement([1.0] + [0.5] * 9, [0.0] + [0.5] * 9)
    assert (gain, low, high) == pytest.approx((0.1, 0.0, 0.3))
    worse, lower, higher = improvement([0.0] + [0.5] * 9, [1.0] + [0.5] * 9)
    assert (worse, lower, higher) == pytest.approx((-0.1, -0.3, 0.0))


def test_runs_are_compared_in_pairs() -> None:
    gain, low, high = improvement([0.1, 0.9, 0.5], [0.0, 0.8, 0.4])
    assert (gain, low, high) == pytest.approx((0.1, 0.1, 0.1))


def test_the_seed_decides_and_nothing_else() -> None:
    ours, theirs = [0.9, 0.6, 0.7, 0.2, 0.8], [0.5, 0.7, 0.1, 0.3, 0.3]
    assert improvement(ours, theirs, seed=1) == improvement(ours, theirs, seed=1)
    assert len({improvement(ours, theirs, seed=seed)[1:] for seed in range(9)}) > 1
    assert len({improvement(ours, theirs, seed=seed)[0] for seed in range(9)}) == 1


@pytest.mark.parametrize(("ours", "theirs"), [([], []), ([0.5], [0.5, 0.6])])
def test_what_has_no_pairs_has_no_improvement(ours, theirs) -> None:
    with pytest.raises(ValueError, match=r"no run to compare|shorter|longer"):
        improvement(ours, theirs)
