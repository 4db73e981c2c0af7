"""Trees that a session evaluates say what scikit-learn's say, and point the right way."""

from __future__ import annotations

import pytest
from pytest_nexus.predictor.model.model import Model
from pytest_nexus.predictor.schema import FEATURES, NAMES
from pytest_nexus.predictor.training.distillation import STUDENT_SIZE, grow

DEFAULTS = {feature.name: feature.default for feature in FEATURES}


def row(**fields: float) -> tuple[float, ...]:
    return tuple((DEFAULTS | fields)[name] for name in NAMES)


ROWS = [row(rate_2=at % 10 / 10, changed_lines=at % 7) for at in range(400)]
FAILED = [at % 10 >= 6 for at in range(400)]


@pytest.fixture(scope="module")
def grown():
    return grow(ROWS, FAILED)


def test_the_trees_are_those_of_the_student(grown) -> None:
    trees, how_near = grown
    assert len(trees) == STUDENT_SIZE.trees
    assert how_near["parity"] < 1e-9
    assert how_near["distillation_rmse"] < 0.2


def test_what_failed_scores_higher(grown) -> None:
    model = Model({}, grown[0], 1.0)
    passing, failing = model.scores([row(rate_2=0.5), row(rate_2=0.6)])
    assert passing < -2 < 2 < failing


def test_the_trees_follow_the_known_direction_of_a_feature(grown) -> None:
    model = Model({}, grown[0], 1.0)
    scores = model.scores([row(rate_2=at / 100) for at in range(101)])
    assert scores == sorted(scores)


def test_a_feature_cannot_turn_against_its_direction() -> None:
    """Outcomes that say the reverse teach nothing of a rate that can only raise the odds."""
    trees, _ = grow(ROWS, [not failed for failed in FAILED])
    low, high = Model({}, trees, 1.0).scores([row(rate_2=0.0), row(rate_2=0.9)])
    assert low == pytest.approx(high)


def test_the_same_seed_gives_the_same_trees(grown) -> None:
    assert grow(ROWS, FAILED)[0] == grown[0]


def test_a_row_weighs_what_it_stands_for() -> None:
    """Half of the rows fail; weighed by three to one, three quarters do."""
    rows, failed = [row()] * 80, [True, False] * 40
    (even,) = Model({}, grow(rows, failed)[0], 1.0).scores([row()])
    (heavy,) = Model({}, grow(rows, failed, weights=[3.0, 1.0] * 40)[0], 1.0).scores([row()])
    assert even == pytest.approx(0.0, abs=1e-6)
    assert heavy == pytest.approx(1.0986, abs=1e-3)
