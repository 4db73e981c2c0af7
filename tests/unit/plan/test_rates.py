from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.plan.rates import MIN_PASSES, highest_rate, passes_needed, rate_of


def test_without_a_run_the_rate_is_the_prior():
    rate = rate_of(0, 0)
    assert rate.mean == 0.5
    assert (rate.low, rate.high) == (
        pytest.approx(0.00616, abs=1e-5),
        pytest.approx(0.99384, abs=1e-5),
    )


@given(st.integers(0, 300), st.integers(0, 300))
def test_the_interval_holds_the_mean(flakes, passes):
    rate = rate_of(flakes, flakes + passes)
    assert 0 < rate.low < rate.mean < rate.high < 1


@given(st.floats(1e-6, 1.0))
def test_so_many_passes_would_have_shown_the_flake(rate):
    needed = passes_needed(rate)
    assert (1 - rate) ** needed <= 0.05 * (1 + 1e-9)
    assert needed == MIN_PASSES or (1 - rate) ** (needed - 1) > 0.05


@pytest.mark.parametrize(("passes", "rate"), [(0, 1.0), (1, 0.95), (40, 0.0722), (299, 0.00997)])
def test_what_a_row_of_passes_rules_out(passes, rate):
    assert highest_rate(passes) == pytest.approx(rate, abs=1e-4)
