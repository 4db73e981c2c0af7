"""The fit, where its minimum can be worked out by hand."""

from __future__ import annotations

from math import exp, log, sqrt

import numpy as np
import pytest
from pytest_nexus.predictor.model.terms import TERMS
from pytest_nexus.predictor.schema import FEATURES, NAMES
from pytest_nexus.predictor.training.weights import FailedRun, _Stacked, fit_weights

DEFAULTS = {feature.name: feature.default for feature in FEATURES}


def row(*, changed: bool) -> tuple[float, ...]:
    return tuple((DEFAULTS | {"file_changed": float(changed)})[name] for name in NAMES)


UNCHANGED, CHANGED = row(changed=False), row(changed=True)
FOUND = FailedRun([CHANGED, UNCHANGED], [True, False])
"""The loss is log(1 + exp(-w)), its slope -1 / (1 + exp(w))."""
TWO_OF_THREE = FailedRun([CHANGED, CHANGED, UNCHANGED], [True, True, False])
"""The loss is sqrt(2) log(2 + exp(-w)), its slope -sqrt(2) / (2 exp(w) + 1)."""


def fitted(runs: list[FailedRun], center: float, pull: float = 0.5) -> float:
    return fit_weights(runs, {"file_changed": center}, pull)["file_changed"]


@pytest.mark.parametrize(
    ("runs", "push"),
    [
        ([FOUND], 1 / (1 + exp(1))),
        ([FOUND, FOUND], 2 / (1 + exp(1))),
        ([TWO_OF_THREE], sqrt(2) / (2 * exp(1) + 1)),
        ([FailedRun([CHANGED, UNCHANGED], [True, True])], (1 - 2 / (1 + exp(-1))) / sqrt(2)),
        ([FailedRun([UNCHANGED, CHANGED], [True, False])], -1 / (1 + exp(-1))),
    ],
)  # fmt: skip
def test_the_minimum_is_where_the_runs_and_the_prior_balance(
    runs: list[FailedRun], push: float
) -> None:
    """With pull 0.5 the prior pulls by w - center: the minimum is at 1 for a center of 1 - push."""
    assert fitted(runs, 1 - push) == pytest.approx(1.0, abs=1e-3)


def test_a_stronger_prior_stays_nearer_to_its_center() -> None:
    assert 1 < fitted([FOUND], 1.0, 5.0) < fitted([FOUND], 1.0, 0.5) < fitted([FOUND], 1.0, 0.05)


def test_evidence_is_never_turned_around() -> None:
    assert fitted([FailedRun([UNCHANGED, CHANGED], [True, False])] * 9, 0.1) == 0.0


def test_a_term_of_which_the_runs_say_nothing_keeps_its_weight() -> None:
    found = fit_weights([FOUND], {"imports": 0.7}, 0.5)
    assert found.keys() == TERMS.keys()
    assert found["imports"] == pytest.approx(0.7, abs=1e-3)
    assert found["code"] == pytest.approx(0.0, abs=1e-3)


def test_without_runs_the_weights_are_those_of_the_center() -> None:
    assert fit_weights([], {"imports": 0.7}, 0.5) == {"imports": 0.7}


def test_the_loss_of_two_runs_of_different_size() -> None:
    runs = [FOUND, TWO_OF_THREE]
    at = list(TERMS).index("file_changed")
    weights = np.zeros(len(TERMS))
    weights[at] = 2.0
    value, gradient = _Stacked.of(runs).loss(weights)
    two = exp(2)
    assert value == pytest.approx(log(1 + 1 / two) + sqrt(2) * (log(2 * two + 1) - 2))
    assert gradient[at] == pytest.approx(-1 / (1 + two) - sqrt(2) / (2 * two + 1))


def test_large_scores_do_not_overflow() -> None:
    weights = np.full(len(TERMS), 5000.0)
    value, gradient = _Stacked.of([FailedRun([UNCHANGED, CHANGED], [True, False])]).loss(weights)
    assert value == pytest.approx(5000.0)
    assert np.isfinite(gradient).all()


def test_terms_that_are_not_fitted_keep_their_weights_exactly() -> None:
    center = {"file_changed": 0.123456, "imports": 0.7}
    found = fit_weights([FOUND], center, 0.5, only={"executes"})
    assert found["file_changed"] == pytest.approx(0.123456, abs=1e-4)
    assert (found["imports"], found["executes"]) == (0.7, pytest.approx(0.0, abs=1e-3))
