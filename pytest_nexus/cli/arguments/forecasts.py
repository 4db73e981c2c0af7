"""Read for a command what a session knows before its tests run, and forecast as a session does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from pytest_nexus.ci.branches import default_branch
from pytest_nexus.cli.quarantine import read_quarantine
from pytest_nexus.domain.evidence import NO_STREAKS
from pytest_nexus.domain.records import USUAL
from pytest_nexus.domain.system import originals
from pytest_nexus.forecast import forecaster as forecast
from pytest_nexus.forecast.known_executions import find_executions
from pytest_nexus.project import quarantine_path
from pytest_nexus.session.history_view import read_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pytest_nexus.domain.evidence import ChangedAndFailed, Streaks
    from pytest_nexus.domain.records import Balance, Change, CollectedTest, TestKey, TestStats
    from pytest_nexus.history.sqlite.models import DeployedModel
    from pytest_nexus.history.store import History
    from pytest_nexus.plan.make import Forecaster
    from pytest_nexus.plan.order_dependence.order_rule import OrderRule


class Remembered(NamedTuple):
    """What a history holds for forecasts."""

    stats: Mapping[TestKey, TestStats]
    rules: Mapping[TestKey, OrderRule]
    deployed: DeployedModel | None = None
    past: Sequence[ChangedAndFailed] = ()
    streaks: Streaks = NO_STREAKS
    tracked: Path | None = None
    """The history, if it knows of any test what the test uses."""
    balance: Balance = USUAL


def remember(history: History, change: Change) -> Remembered:
    """Return what a history holds for forecasts after a change."""
    return Remembered(
        history.stats(),
        history.order_rules.read(),
        history.deployed_model(),
        history.cofailures(),
        history.streaks(change.branch, default_branch(originals.environ)),
        history.path if history.reuse.knows_uses() else None,
        history.models.balance(),
    )


def forecaster_here(
    remembered: Remembered, root: Path, lose: Callable[[str], None]
) -> Forecaster | None:
    """Return the forecaster of a session in a folder; None if no model can be used.

    Args:
        remembered: what the history holds.
        root: root of the tests.
        lose: takes a sentence about a model that cannot be used.
    """

    def read(tests: Sequence[CollectedTest], change: Change) -> forecast.Texts:
        texts = read_texts(root, tests, change, originals.environ)
        path = remembered.tracked
        if path is None:
            return texts
        return replace(texts, executed=find_executions(path, root, tests, change, lose))

    model = forecast.load(
        remembered.deployed,
        read,
        remembered.past,
        lose,
        remembered.streaks,
        remembered.balance,
    )
    quarantine = read_quarantine(quarantine_path(None))
    if model is None or not quarantine.entries:
        return model
    return forecast.ExcusedTests(
        model, lambda test: quarantine.find(test.nodeid, test.key, test.function_key) is not None
    )
