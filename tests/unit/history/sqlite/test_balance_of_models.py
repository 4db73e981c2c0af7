"""The balance that a training chose, read from the registry of models."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.domain.records import USUAL, Balance
from pytest_nexus.history.sqlite.models import Version, balance_of
from pytest_nexus.history.store import open_history

if TYPE_CHECKING:
    from pathlib import Path


def test_the_newest_training_that_chose_a_balance_decides(tmp_path: Path) -> None:
    def version(name: str, at: float, **metrics: object) -> Version:
        return Version(name, None, at, "{}", "{}", json.dumps(metrics))

    with open_history(tmp_path / "history.sqlite3") as history:
        assert history.models.balance() == USUAL
        history.models.add(version("v1", 1.0, balance={"haste": 3.0, "share": 0.2}))
        history.models.add(version("v2", 2.0, balance={"haste": 5.0, "share": 0.3}))
        history.models.add(version("imported", 3.0))
        assert history.models.balance() == Balance(5.0, 0.3)
        history.models.add(version("v3", 4.0, balance=USUAL._asdict()))
        assert history.models.balance() == USUAL


@pytest.mark.parametrize(
    "stored",
    [
        None, 3, "", [], {}, {"haste": 3.0}, {"haste": "high", "share": 0.1},
        {"haste": 0.5, "share": 0.1}, {"haste": 101.0, "share": 0.1},
        {"haste": 2.0, "share": 1.5}, {"haste": 2.0, "share": -0.1},
        {"haste": float("nan"), "share": 0.1}, {"haste": 2.0, "share": None},
        {"haste": 10**400, "share": 0.1},
    ],
)  # fmt: skip
def test_a_balance_that_no_training_stores_is_none(stored: object) -> None:
    assert balance_of({"balance": stored}) is None


@pytest.mark.parametrize("metrics", [{}, [], None, {"apfdc": 0.9}])
def test_metrics_without_a_balance_have_none(metrics: object) -> None:
    assert balance_of(metrics) is None
