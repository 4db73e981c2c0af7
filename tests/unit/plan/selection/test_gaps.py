from __future__ import annotations

from itertools import pairwise
from math import exp, inf, isfinite, isnan, log, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.plan.selection.gaps import gaps


def test_gap_is_the_logarithm_of_all_expected_failures_over_those_from_the_test_on_down():
    assert gaps([0.2, 0.5, 0.1]) == pytest.approx([log(8 / 3), 0.0, log(8)])


def test_equally_likely_tests_have_the_same_gap():
    first, second, _ = gaps([0.1, 0.1 + 1e-15, 0.8])
    assert first == second == pytest.approx(log(5))


@given(st.lists(st.floats(1e-9, 1 - 1e-9), min_size=1), st.floats(0, 20))
def test_tests_beyond_a_cut_carry_less_than_its_share_of_the_expected_failures(chances, cut):
    beyond = [p for p, gap in zip(chances, gaps(chances), strict=True) if gap > cut]
    assert sum(beyond) <= exp(-cut) * sum(chances) * (1 + 1e-9)


def test_no_tests_have_no_gaps():
    assert gaps([]) == []


def test_certain_and_impossible_failures_have_finite_gaps():
    certain, impossible = gaps([1.0, 0.0])
    assert certain == 0.0
    assert 27 < impossible < 28


def test_a_number_that_is_no_probability_cannot_leave_a_test_out():
    assert gaps([nan, 0.5, inf, -inf])[0] == 0.0


@given(st.lists(st.floats()))
def test_gaps_are_finite_and_order_the_tests_as_their_probabilities_do(probabilities):
    found = gaps(probabilities)
    assert all(isfinite(gap) and gap >= 0.0 for gap in found)
    assert not probabilities or min(found) == 0.0
    known = [(p, gap) for p, gap in zip(probabilities, found, strict=True) if not isnan(p)]
    for (p, gap), (q, other) in pairwise(known):
        assert p <= q or gap <= other
