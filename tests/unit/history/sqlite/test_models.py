"""The registry of models in one history."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.errors import CorruptHistoryError
from pytest_nexus.history.sqlite.models import (
    DeployedModel,
    Deployment,
    Version,
    figures,
    learned_here,
)
from pytest_nexus.history.store import History, open_history

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OWN = '{"inputs": [{"name": "other"}, {"name": "history"}]}'


def version(name: str, created_at: float = 1.0, lineage: str = "{}", **more: object) -> Version:
    values = {"parent": None, "document": f"document of {name}", "metrics": "{}"} | more
    return Version(name, created_at=created_at, lineage=lineage, **values)  # type: ignore[arg-type] # fields by name


def test_figures_are_the_lineage_and_the_metrics() -> None:
    each = version("a", lineage='{"x": 1}', metrics='{"y": 2}')
    assert figures(each) == ({"x": 1}, {"y": 2})


@pytest.mark.parametrize(
    ("lineage", "is_own"),
    [
        (OWN, True),
        ('{"inputs": [{"name": "other"}]}', False),
        ('{"inputs": ["history"]}', False),
        ('{"inputs": [{"NAME": "history"}]}', False),
        ('{"inputs": {"name": "history"}}', False),
        ('{"inputs": []}', False),
        ("{}", False),
    ],
)
def test_a_model_is_learned_here_if_a_source_is_the_history(lineage: str, is_own: bool) -> None:
    assert learned_here(version("a", lineage=lineage)) is is_own


def test_versions_come_back_whole_oldest_first(history: History) -> None:
    first = version("b", 1.0, OWN, parent="a", metrics='{"y": 2}')
    others = [version("c", 2.0), version("d", 2.0)]
    for each in (others[1], first, others[0]):
        assert history.models.add(each) is True
    assert history.models.versions() == [first, *others]
    assert history.models.add(first) is False
    assert history.models.add(first._replace(document="another")) is False
    assert history.models.versions() == [first, *others]


def test_a_version_is_found_by_its_first_digits(history: History) -> None:
    found = [version("abc"), version("abd", 2.0), version("xab", 3.0)]
    for each in found:
        history.models.add(each)
    assert history.models.find("ab") == found[:2]
    assert history.models.find("abd") == found[1:2]
    assert history.models.find("b") == history.models.find("") == []


def test_an_alias_is_the_last_one_of_its_name(history: History) -> None:
    models = history.models
    assert models.alias("champion") is models.alias("challenger") is None
    models.set_alias("champion", "a", 1.0)
    models.set_alias("champion", "b", 0.5)
    models.set_alias("challenger", "c", 2.0)
    assert (models.alias("champion"), models.alias("challenger")) == ("b", "c")
    assert models.deployments() == [Deployment("a", 1.0), Deployment("b", 0.5)]
    models.set_alias("champion", None, 3.0)
    assert models.alias("champion") is None
    assert models.deployments()[2:] == [Deployment(None, 3.0)]


def test_the_champion_is_the_version_behind_the_alias(history: History) -> None:
    assert history.models.champion() is history.deployed_model() is None
    history.models.add(version("a"))
    history.models.add(version("b", 2.0, OWN))
    history.models.set_alias("challenger", "a", 1.0)
    assert history.models.champion() is None
    history.models.set_alias("champion", "b", 2.0)
    assert history.models.champion() == version("b", 2.0, OWN)
    assert history.deployed_model() == DeployedModel("b", "document of b", is_own=True)
    history.models.set_alias("champion", "a", 3.0)
    assert history.deployed_model() == DeployedModel("a", "document of a", is_own=False)
    history.models.set_alias("champion", "gone", 4.0)
    assert history.models.champion() is None


@pytest.mark.parametrize(
    ("champions", "expected"),
    [
        ([], (False, None)),
        ([None], (False, None)),
        (["a"], (True, None)),
        (["a", "a"], (True, None)),
        (["a", "b"], (True, "a")),
        (["a", "b", "b"], (True, "a")),
        (["a", None], (True, "a")),
        (["a", None, "b"], (True, None)),
        (["a", "b", "c"], (True, "b")),
    ],
)
def test_the_earlier_champion_is_another_version(
    history: History, champions: list[str | None], expected: tuple[bool, str | None]
) -> None:
    history.models.set_alias("challenger", "z", 0.0)
    for at, each in enumerate(champions):
        history.models.set_alias("champion", each, 9.0 - at)
    assert history.models.earlier() == expected


def test_a_note_is_added_to_the_lineage_of_one_version(history: History) -> None:
    history.models.add(version("a", lineage='{"x": 1}'))
    history.models.add(version("b", 2.0))
    history.models.note(version("a", lineage='{"x": 1}'), "why", {"n": 2})
    assert [json.loads(each.lineage) for each in history.models.versions()] == [
        {"x": 1, "why": {"n": 2}}, {},
    ]  # fmt: skip


@pytest.mark.parametrize("to", ["a", None])
def test_a_champion_is_taken_back_with_its_reason(history: History, to: str | None) -> None:
    history.models.add(version("b"))
    history.models.set_alias("champion", "b", 1.0)
    history.models.take_back(version("b"), to, 7.0, {"n": 8})
    assert history.models.alias("champion") == to
    assert history.models.deployments()[-1] == Deployment(to, 7.0)
    (found,) = history.models.versions()
    assert json.loads(found.lineage) == {"taken_back": {"at": 7.0, "n": 8}}


READS: dict[str, Callable[[History], object]] = {
    "versions": lambda history: history.models.versions(),
    "alias": lambda history: history.models.alias("champion"),
    "champion": lambda history: history.models.champion(),
    "earlier": lambda history: history.models.earlier(),
    "deployments": lambda history: history.models.deployments(),
}


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("versions", "UPDATE model SET created_at = 'x'"),
        ("versions", "UPDATE model SET lineage = '[]'"),
        ("versions", "UPDATE model SET metrics = '7'"),
        ("champion", "UPDATE model SET metrics = 'no json'"),
        ("champion", "UPDATE model SET lineage = '[]'"),
        *((name, "UPDATE model_alias SET set_at = 'x'") for name in READS),
    ],
)
def test_a_damaged_registry_is_an_error_of_the_history(path: Path, name: str, damage: str) -> None:
    with open_history(path) as history:
        history.models.add(version("a"))
        history.models.set_alias("champion", "a", 1.0)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = 1")
        connection.execute(damage)
    with open_history(path) as history, pytest.raises(CorruptHistoryError, match="NX507"):
        READS[name](history)
