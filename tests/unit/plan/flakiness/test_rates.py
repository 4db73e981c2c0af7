from __future__ import annotations

from itertools import pairwise
from math import comb, sqrt
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.plan.flakiness.rates import MIN_PASSES, highest_rate, passes_needed, rate_of


def test_without_a_run_the_rate_is_the_prior():
    rate = rate_of(0, 0)
    assert rate.mean == 0.5
    assert (rate.low, rate.high) == (0.0, 1.0)


@given(st.integers(0, 300), st.integers(0, 300))
def test_the_interval_holds_the_mean(flakes, passes):
    rate = rate_of(flakes, flakes + passes)
    assert 0 <= rate.low < rate.mean < rate.high <= 1
    assert (rate.low > 0) == (flakes > 0)


@pytest.mark.parametrize("n_runs", [30, 200])
@pytest.mark.parametrize("rate", [0.02, 0.1, 0.5])
def test_the_interval_covers_the_rate_about_nine_times_in_ten(n_runs, rate):
    chances = [
        comb(n_runs, k) * rate**k * (1 - rate) ** (n_runs - k)
        for k in range(n_runs + 1)
        if rate_of(k, n_runs).low <= rate <= rate_of(k, n_runs).high
    ]
    assert 0.85 < sum(chances) < 0.98


def test_more_flakes_in_as_many_runs_raise_both_ends():
    rates = [rate_of(flakes, 50) for flakes in range(51)]
    assert all(a.low < b.low and a.high < b.high for a, b in pairwise(rates))


def test_the_ends_solve_the_score_equation():
    rate = rate_of(7, 180)
    for end in (rate.low, rate.high):
        score = abs(7 / 180 - end) / sqrt(end * (1 - end) / 180)
        assert score == pytest.approx(NormalDist().inv_cdf(0.95))


@given(st.floats(1e-6, 1.0))
def test_so_many_passes_would_have_shown_the_flake(rate):
    needed = passes_needed(rate)
    assert (1 - rate) ** needed <= 0.05 * (1 + 1e-9)
    assert needed == MIN_PASSES or (1 - rate) ** (needed - 1) > 0.05


@pytest.mark.parametrize(("passes", "rate"), [(0, 1.0), (1, 0.95), (40, 0.0722), (299, 0.00997)])
def test_what_a_row_of_passes_rules_out(passes, rate):
    assert highest_rate(passes) == pytest.approx(rate, abs=1e-4)
