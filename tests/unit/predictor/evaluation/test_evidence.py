from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_nexus.predictor.evaluation.evidence import Evidence, odds_needed


@given(st.lists(st.floats(-1, 1), max_size=60), st.integers(0, 60))
def test_evidence_grows_the_same_in_one_step_or_two(found: list[float], at: int) -> None:
    assert Evidence().after(found) == Evidence().after(found[:at]).after(found[at:])


@given(st.lists(st.floats(-1, 1), max_size=60))
def test_capital_is_never_negative(found: list[float]) -> None:
    assert all(part >= 0 for part in Evidence().after(found).capital)


def test_a_fair_coin_reaches_odds_of_twenty_in_one_history_of_twenty_at_most() -> None:
    """Whoever looks after every run errs no more often than whoever looks once."""
    reached = 0
    for seed in range(500):
        random, evidence = Random(seed), Evidence()
        for _ in range(100):
            evidence = evidence.after([random.choice((-0.3, 0.3))])
            if evidence.odds >= 20:
                reached += 1
                break
    assert reached <= 0.05 * 500


def test_a_loss_beyond_all_known_ones_costs_what_was_staked_on_none() -> None:
    safe = Evidence().after([0.02] * 20)
    after = safe.after([-1.0])
    assert after.capital[1:] == (0.0, 0.0)
    assert after.capital[0] == pytest.approx(safe.capital[0] / 2)
    assert after.greatest == 1.0
    assert after.after([-1.0]).capital[0] > 0


def test_later_contests_need_more_evidence() -> None:
    assert [round(odds_needed(number)) for number in (1, 2, 3)] == [33, 132, 296]
