from __future__ import annotations

from random import Random

import pytest
from pytest_nexus.predictor.evaluation.relapse import Relapse, span_of_loss

N_HISTORIES = 500


def runs_until_taken_back(random: Random, before: int, gain: float, loss: float) -> int | None:
    """Return after how many bad runs a champion is taken back; negative while it was good."""
    other = [0.5] * (before + 20)
    means = [0.5 + gain] * before + [0.5 - loss] * 20
    champion = [random.gauss(mean, 0.1) for mean in means]
    for n in range(1, before + 21):
        if span_of_loss(champion[:n], other[:n]):
            return n - before
    return None


@pytest.mark.parametrize("before", [0, 60])
def test_a_champion_that_turns_bad_is_back_within_20_runs(before: int) -> None:
    found = [runs_until_taken_back(Random(seed), before, 0.02, 0.1) for seed in range(N_HISTORIES)]
    assert sum(each is not None for each in found) >= 0.95 * N_HISTORIES
    assert sum(each is not None and each <= 0 for each in found) <= 0.05 * N_HISTORIES


def test_a_champion_that_fails_outright_is_back_within_10_runs() -> None:
    found = [runs_until_taken_back(Random(seed), 0, 0.0, 0.3) for seed in range(N_HISTORIES)]
    assert all(each is not None and each <= 10 for each in found)


def test_a_better_champion_mostly_stays_for_200_runs() -> None:
    """A false alarm costs one more proof; it must not be the rule."""
    lost = 0
    for seed in range(200):
        random = Random(seed)
        champion = [random.gauss(0.52, 0.1) for _ in range(200)]
        lost += any(span_of_loss(champion[:n], [0.5] * n) for n in range(1, 201))
    assert lost <= 0.1 * 200


def test_a_small_loss_is_no_reason() -> None:
    assert not span_of_loss([0.495] * 40, [0.5] * 40)


def test_the_sentence_names_the_runs_and_both_figures() -> None:
    assert Relapse("shipped model", 14, 14, 0.61, 0.72).sentence == (
        "on the 14 failing runs since its deployment 0.610 against 0.720 of the shipped model"
    )
    assert "on the last 8 of the 30 failing runs" in Relapse("x", 8, 30, 0.6, 0.7).sentence
