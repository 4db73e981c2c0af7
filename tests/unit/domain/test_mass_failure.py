from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.domain.mass_failure import is_doubtful, is_mass_failure


@pytest.mark.parametrize(
    ("n_failed", "n_ran", "is_mass"),
    [(0, 0, False), (10, 10, False), (11, 11, True), (11, 55, False), (12, 55, True)],
)
def test_a_mass_failure_is_more_than_ten_and_a_fifth(
    n_failed: int, n_ran: int, is_mass: bool
) -> None:
    assert is_mass_failure(n_failed, n_ran) is is_mass


@given(st.integers(0, 50), st.integers(0, 50))
def test_reruns_wait_before_a_mass_failure_is_certain(n_failed: int, n_passed: int) -> None:
    n_ran = n_failed + n_passed
    assert is_doubtful(n_failed, n_ran) or not is_mass_failure(n_failed, n_ran)
    assert not is_doubtful(0, n_ran)
