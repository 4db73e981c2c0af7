from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.plan.selection.shares import of_counts


def test_without_a_trial_there_is_no_share():
    assert of_counts(0, 0) is None


@given(st.integers(1, 10_000), st.data())
def test_the_interval_holds_the_share_within_its_limits(n, data):
    n_hits = data.draw(st.integers(0, n))
    found = of_counts(n_hits, n)
    assert found is not None
    assert found.share == pytest.approx(n_hits / n)
    assert 0.0 <= found.low <= found.share <= found.high <= 1.0
