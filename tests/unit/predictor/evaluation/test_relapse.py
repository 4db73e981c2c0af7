from __future__ import annotations

from array import array
from random import Random

import pytest
from pytest_nexus.predictor.evaluation.evaluate import Case
from pytest_nexus.predictor.evaluation.relapse import Relapse, relapse, span_of_loss
from pytest_nexus.predictor.model.model import Model
from pytest_nexus.predictor.schema import FEATURES, NAMES

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


DEFAULTS = {feature.name: feature.default for feature in FEATURES}
KNOWING = Model({"file_changed": 3.0}, thrift=0.0)
"""Runs the changed file first, whose test fails."""
BLIND = Model({}, thrift=0.0)
"""Keeps the collection order, in which that test is the last of four."""


def failing_runs(n: int, at: int = 3) -> list[Case]:
    values = array("d")
    for place in range(4):
        row = DEFAULTS | {"file_changed": float(place == at)}
        values.extend(row[name] for name in NAMES)
    failed = tuple(place == at for place in range(4))
    return [Case(f"run {number}", values, failed, failed, (1.0,) * 4, (1.0,) * 4)
            for number in range(n)]  # fmt: skip


def test_the_champion_gives_way_to_the_model_that_proves_better() -> None:
    others = {"shipped model": BLIND, "the last champion": KNOWING}
    found = relapse(BLIND, others, failing_runs(12))
    assert found == Relapse("the last champion", 8, 12, pytest.approx(1 / 8), pytest.approx(7 / 8))


def test_a_champion_that_is_no_worse_stays() -> None:
    assert relapse(KNOWING, {"a": BLIND, "b": KNOWING}, failing_runs(30)) is None
    assert relapse(BLIND, {}, failing_runs(30)) is None


def test_the_first_of_two_equal_models_comes_back() -> None:
    found = relapse(BLIND, {"a": KNOWING, "b": KNOWING}, failing_runs(8))
    assert found is not None
    assert (found.other, found.n, found.n_since) == ("a", 8, 8)


def test_fewer_than_eight_runs_prove_nothing() -> None:
    assert relapse(BLIND, {"a": KNOWING}, failing_runs(7)) is None


def test_a_loss_at_the_limit_is_proved() -> None:
    """Eight equal losses: their sum is 8 d, and 2.3 standard errors are 2.3 sqrt(8) d."""
    assert span_of_loss([0.5] * 8, [0.625] * 8) == 8
    assert span_of_loss([0.5] * 8, [0.59375] * 8) == 0
    assert span_of_loss([0.5] * 20, [0.59375] * 20) == 20
    assert span_of_loss([0.5] * 19, [0.59375] * 19) == 0
    assert span_of_loss([0.0] * 3 + [0.5] * 5, [0.5] * 3 + [0.5] * 5) == 0
