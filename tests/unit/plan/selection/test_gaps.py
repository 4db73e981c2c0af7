from __future__ import annotations

from itertools import pairwise
from math import inf, isfinite, isnan, log, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.plan.selection.gaps import gaps


def test_gap_is_the_distance_in_log_odds_from_the_likeliest_test():
    assert gaps([0.2, 0.5, 0.1]) == pytest.approx([log(4), 0.0, log(9)])


def test_no_tests_have_no_gaps():
    assert gaps([]) == []


def test_certain_and_impossible_failures_have_finite_gaps():
    certain, impossible = gaps([1.0, 0.0])
    assert certain == 0.0
    assert 50 < impossible < 60


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
