"""The balance that a training chose: stored with its version, told, and used by sessions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pytest_nexus.predictor.evaluation.balance import ChosenBalance

from pytest_nexus.cli.arguments.forecasts import remember
from pytest_nexus.domain.records import USUAL, Balance, Change
from pytest_nexus.forecast import forecaster
from pytest_nexus.history.sqlite.models import Version
from pytest_nexus.history.store import open_history
from pytest_nexus.plan.known_tests import StatsIndex
from pytest_nexus.training.run import _balance_sentence, _with_balance
from tests.support.builders import collected

if TYPE_CHECKING:
    from pathlib import Path

MADE = Version("v1", None, 1.0, "{}", "{}", json.dumps({"apfdc": 0.9}))
CHOSEN = ChosenBalance((5.0, 0.3), 0.0123, 60)


def test_forecasts_have_the_balance_of_the_newest_training(tmp_path: Path) -> None:
    with open_history(tmp_path / "history.sqlite3") as history:
        assert remember(history, Change()).balance == USUAL
        history.models.add(_with_balance(MADE, CHOSEN))
        found = remember(history, Change()).balance
    assert found == Balance(5.0, 0.3)
    model = forecaster.load(balance=found)
    assert model is not None
    (forecast,) = model([collected("t/a.py::x")], StatsIndex({}, {}), Change())
    assert forecast.balance == found


def test_the_metrics_of_a_version_keep_what_they_had() -> None:
    stored = json.loads(_with_balance(MADE, CHOSEN).metrics)
    assert stored == {"apfdc": 0.9, "balance": {"haste": 5.0, "share": 0.3}}
    assert _with_balance(MADE, None) == MADE


def test_a_training_tells_a_balance_that_is_not_the_usual_one() -> None:
    assert _balance_sentence(CHOSEN) == (
        "balance of the order: haste 5 (usually 2), share of tests that never failed 0.3"
        " (usually 0.1); mean gain +0.0123 on 60 past runs with a failure"
    )
    assert _balance_sentence(ChosenBalance()) is None
