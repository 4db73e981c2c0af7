"""A history in which a model is deployed, turns bad, and is taken back."""

from __future__ import annotations

from array import array
from random import Random

import pytest
from pytest_nexus.predictor.evaluation.evaluate import Case
from pytest_nexus.predictor.model.document import load
from pytest_nexus.predictor.schema import FEATURES, NAMES

from pytest_nexus.backtest.walk_forward import Deployments, deployed_over_time
from pytest_nexus.forecast import forecaster

DEFAULTS = {f.name: f.default for f in FEATURES} | {"is_new": 0.0, "runs": 3.0}
PRIOR = load(forecaster.prior())
N_TESTS = 20
TURN = 44
"""Run in which the imports begin to mislead."""
END = TURN + 21


def case(number: int) -> Case:
    """A run in which imports name the failing test, and later on another one."""
    bad = number * 7 % N_TESTS
    named = bad if number < TURN else (bad + 10) % N_TESTS
    recent = bad if number >= TURN else -1
    random = Random(number)
    values = array("d")
    for at in range(N_TESTS):
        row = DEFAULTS | {
            "imported_words": float(at == named),
            "rate_8": 0.3 if at == recent else 0.01 * random.random(),
        }
        values.extend(row[column] for column in NAMES)
    failed = tuple(at == bad for at in range(N_TESTS))
    ones = (1.0,) * N_TESTS
    return Case(f"run {number}", values, failed, (True,) * N_TESTS, ones, ones)


@pytest.fixture(scope="module")
def found() -> Deployments:
    return deployed_over_time([case(number) for number in range(END)], PRIOR)


def test_a_model_that_turned_bad_is_back_within_20_failing_runs(found: Deployments) -> None:
    assert found.n_deployed >= 1
    assert found.models[TURN - 1] != PRIOR, found.story
    assert found.models[TURN + 20] == PRIOR, found.story
    assert found.n_taken_back == 1


def test_the_story_has_one_line_for_each_event(found: Deployments) -> None:
    (deployed,) = [line for line in found.story if line.startswith("deployed: ")]
    (back,) = [line for line in found.story if line.startswith("taken back: ")]
    assert "better than the shipped model on " in deployed
    assert back.endswith("of the shipped model")
    assert found.story.index(deployed) < found.story.index(back)
    assert len(found.models) == END
