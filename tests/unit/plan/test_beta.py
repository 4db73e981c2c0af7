from __future__ import annotations

from math import asin, pi, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.plan.beta import beta_cdf, beta_quantile

_shapes = st.floats(0.5, 20_000)
_probabilities = st.floats(0.001, 0.999)


@given(_shapes, _shapes, st.floats(0, 1))
def test_the_distribution_is_that_of_scipy(a, b, x):
    expected = pytest.importorskip("scipy.special").betainc(a, b, x)
    assert beta_cdf(x, a, b) == pytest.approx(expected, rel=1e-8, abs=1e-12)


@given(_shapes, _shapes, _probabilities)
def test_the_quantile_is_that_of_scipy(a, b, p):
    expected = pytest.importorskip("scipy.special").betaincinv(a, b, p)
    assert beta_quantile(p, a, b) == pytest.approx(expected, rel=1e-6, abs=1e-12)


@given(st.floats(0, 0.9999), st.floats(0.1, 50))
def test_known_cases_in_closed_form(x, a):
    assert beta_cdf(x, a, 1.0) == pytest.approx(x**a, abs=1e-12)
    assert beta_cdf(x, 0.5, 0.5) == pytest.approx(2 / pi * asin(sqrt(x)), abs=1e-12)


@given(_probabilities, _shapes, _shapes)
def test_the_quantile_is_the_inverse_of_the_distribution(p, a, b):
    assert beta_cdf(beta_quantile(p, a, b), a, b) == pytest.approx(p, abs=1e-6)


@given(st.integers(0, 500), st.integers(1, 500))
def test_more_flakes_in_as_many_runs_raise_both_ends(flakes, passes):
    lower = beta_quantile(0.05, flakes + 0.5, passes + 0.5)
    assert lower < beta_quantile(0.05, flakes + 1.5, passes + 0.5)
    assert lower < beta_quantile(0.95, flakes + 0.5, passes + 0.5)


def test_counts_beyond_any_history_lose_precision_and_not_their_sense():
    assert beta_cdf(0.5, 1e9, 1e9) == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize(("x", "p"), [(-1.0, 0.0), (0.0, 0.0), (1.0, 1.0), (2.0, 1.0)])
def test_all_of_it_lies_between_0_and_1(x, p):
    assert beta_cdf(x, 3.0, 4.0) == p
