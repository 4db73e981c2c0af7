"""The line from scores to log odds, where it can be worked out by hand."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from pytest_nexus.predictor.model import calibration
from pytest_nexus.predictor.model.calibration import calibrated, line
from pytest_nexus.predictor.model.model import Model
from pytest_nexus.predictor.schema import FEATURES, NAMES

DEFAULTS = {feature.name: feature.default for feature in FEATURES}
MODEL = Model({"file_changed": 2.0})
"""Scores 2 where the file of the test changed, else 0."""


def row(*, changed: bool) -> tuple[float, ...]:
    return tuple((DEFAULTS | {"file_changed": float(changed)})[name] for name in NAMES)


UNCHANGED, CHANGED = row(changed=False), row(changed=True)


def test_slope_and_intercept_are_those_of_the_two_rates() -> None:
    """A quarter of the unchanged tests fail and three quarters of the changed ones."""
    labelled = [
        (UNCHANGED, True, 1.0), (UNCHANGED, False, 3.0), (CHANGED, True, 3.0), (CHANGED, False, 1.0)
    ]  # fmt: skip
    found = calibrated(MODEL, labelled)
    assert found.slope == pytest.approx(log(3), abs=2e-3)
    assert found.intercept == pytest.approx(-log(3), abs=2e-3)
    assert found.probability(0.0) == pytest.approx(0.25, abs=1e-3)
    assert found.probability(2.0) == pytest.approx(0.75, abs=1e-3)
    assert (found.weights, found.card) == (MODEL.weights, MODEL.card)


def test_a_row_counts_as_many_times_as_the_tests_it_stands_for() -> None:
    alone = [(UNCHANGED, True, 1.0), (UNCHANGED, False, 1.0)]
    many = [(UNCHANGED, True, 1.0), (UNCHANGED, False, 9.0)]
    assert calibrated(Model({}), alone).probability(0.0) == pytest.approx(0.5, abs=1e-3)
    assert calibrated(Model({}), many).probability(0.0) == pytest.approx(0.1, abs=1e-3)


def test_scores_that_say_nothing_keep_the_slope() -> None:
    found = calibrated(Model({}), [(UNCHANGED, True, 1.0), (UNCHANGED, False, 3.0)])
    assert found.slope == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("labelled", [[], [(CHANGED, True, 1.0)], [(CHANGED, False, 1.0)] * 3])
def test_outcomes_that_are_all_the_same_change_nothing(labelled: list) -> None:
    assert calibrated(MODEL, labelled) is MODEL


def test_a_score_that_misleads_gets_no_negative_slope() -> None:
    labelled = [(UNCHANGED, True, 3.0), (UNCHANGED, False, 1.0), (CHANGED, False, 4.0)]
    assert calibrated(MODEL, labelled).slope == 0.0


def test_outcomes_that_scores_part_completely_get_a_finite_slope() -> None:
    """The penalty alone keeps the slope finite; no other line has a smaller loss."""
    scores, failed, weights = np.array([0.0, 1.0, 3.0]), np.array([0.0, 1.0, 1.0]), np.ones(3)

    def loss(slope: float, intercept: float) -> float:
        z = slope * scores + intercept
        fit = np.log1p(np.exp(-np.where(failed > 0, z, -z))).sum()
        return float(fit + 0.01 * 1e-3 * 3 * (slope - 1) ** 2)

    slope, intercept = line(scores, failed, weights)
    assert 5 < slope < 20
    for step in (0.05, -0.05):
        assert loss(slope, intercept) <= loss(slope + step, intercept)
        assert loss(slope, intercept) <= loss(slope, intercept + step)


@pytest.mark.parametrize(("failed", "at"), [([1.0, 1.0], 30.0), ([0.0, 0.0], -30.0)])
def test_the_intercept_has_bounds(failed: list[float], at: float) -> None:
    _, intercept = line(np.array([0.0, 0.0]), np.array(failed), np.array([1e15, 1e15]))
    assert intercept == at


def test_rows_are_scored_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    labelled = [(UNCHANGED, True, 1.0), (UNCHANGED, False, 3.0), (CHANGED, True, 3.0),
                (CHANGED, False, 1.0), (CHANGED, True, 2.0)]  # fmt: skip
    whole = calibrated(MODEL, labelled)
    monkeypatch.setattr(calibration, "_PORTION", 2)
    assert calibrated(MODEL, iter(labelled)) == whole
    assert whole.slope == round(whole.slope, 4)
    assert whole.intercept == round(whole.intercept, 4)
