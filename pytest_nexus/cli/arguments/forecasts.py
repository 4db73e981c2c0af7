"""Read for a command what a session knows before its tests run, and forecast as a session does."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_nexus.ci.branches import default_branch
from pytest_nexus.cli.quarantine import read_quarantine
from pytest_nexus.domain.evidence import NO_STREAKS
from pytest_nexus.domain.system import originals
from pytest_nexus.forecast import forecaster as forecast
from pytest_nexus.project import quarantine_path
from pytest_nexus.session.history_view import read_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pytest_nexus.domain.evidence import ChangedAndFailed, Streaks
    from pytest_nexus.domain.records import Change, OrderRule, TestKey, TestStats
    from pytest_nexus.history.sqlite.models import DeployedModel
    from pytest_nexus.history.store import History
    from pytest_nexus.plan.make import Forecaster


class Remembered(NamedTuple):
    """What a history holds for forecasts."""

    stats: Mapping[TestKey, TestStats]
    rules: Mapping[TestKey, OrderRule]
    deployed: DeployedModel | None = None
    past: Sequence[ChangedAndFailed] = ()
    streaks: Streaks = NO_STREAKS


def remember(history: History, change: Change) -> Remembered:
    """Return what a history holds for forecasts after a change."""
    return Remembered(
        history.stats(),
        history.order_rules.read(),
        history.deployed_model(),
        history.cofailures(),
        history.streaks(change.branch, default_branch(originals.environ)),
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
    model = forecast.load(
        remembered.deployed,
        lambda tests, change: read_texts(root, tests, change, originals.environ),
        remembered.past,
        lose,
        remembered.streaks,
    )
    quarantine = read_quarantine(quarantine_path(None))
    if model is None or not quarantine.entries:
        return model
    return forecast.ExcusedTests(
        model, lambda test: quarantine.find(test.nodeid, test.key, test.function_key) is not None
    )
