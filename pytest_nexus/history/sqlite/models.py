"""The registry: all versions of the model, and the version that is deployed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from pytest_nexus.domain.records import USUAL, Balance
from pytest_nexus.history.sqlite import connection as connections

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_nexus.plan.foreseen import Origin

MOST_HASTE: Final = 100.0
"""Bound of what a stored balance may say; the exponent of the time is 1 long before."""

Alias = Literal["champion", "challenger"]

_COLUMNS: Final = "version, parent, created_at, document, lineage, metrics"


_TABLES: Final = ("model", "model_alias")


class Version(NamedTuple):
    """One version of the model."""

    version: str
    parent: str | None
    """The champion when this version was trained; None for the shipped model."""
    created_at: float
    document: str
    lineage: str
    """JSON text."""
    metrics: str
    """JSON text."""


def figures(each: Version) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the lineage and the metrics of a version."""
    return json.loads(each.lineage), json.loads(each.metrics)


def balance_of(metrics: Any) -> Balance | None:
    """Return the balance that the metrics of a version name; None if they name no valid one."""
    try:
        haste, share = (float(metrics["balance"][name]) for name in Balance._fields)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return Balance(haste, share) if 1.0 <= haste <= MOST_HASTE and 0.0 <= share <= 1.0 else None


def learned_here(each: Version) -> bool:
    """Return whether a version was trained on a history's own runs, and not imported."""
    inputs = figures(each)[0].get("inputs")
    sources = inputs if isinstance(inputs, list) else []
    return any(isinstance(source, dict) and source.get("name") == "history" for source in sources)


def _checked(each: Version) -> Version:
    if not all(isinstance(found, dict) for found in figures(each)):
        raise TypeError(f"the figures of model {each.version!r}")
    return each


class DeployedModel(NamedTuple):
    """The project's own model, for a session."""

    version: str
    document: str
    is_own: bool = False
    """Whether it was trained on runs of this history, and not imported."""
    origin: Origin | None = None
    """Where it came from, if it was deployed to nodes."""


class Deployment(NamedTuple):
    """One time at which a model was deployed."""

    version: str | None
    """None for the shipped model."""
    at: float
    """Seconds since the epoch."""


class Registry:
    """The versions in one history; its methods raise `HistoryError` as the history does."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def versions(self) -> list[Version]:
        """Return all versions, oldest first."""
        with connections.decoded(self._path):
            connections.require_sound(self._connection, self._path, _TABLES, set())
            rows = self._connection.execute(
                f"SELECT {_COLUMNS} FROM model ORDER BY created_at, version"  # noqa: S608 - ours
            ).fetchall()
            return [_checked(Version(*row)) for row in rows]

    def find(self, prefix: str) -> list[Version]:
        """Return the versions whose name begins with some digits."""
        return [each for each in self.versions() if prefix and each.version.startswith(prefix)]

    def alias(self, name: Alias) -> str | None:
        """Return the version behind an alias; None for the shipped model, or without the alias."""
        with connections.decoded(self._path):
            connections.require_sound(self._connection, self._path, _TABLES, set())
            row = self._connection.execute(
                "SELECT version FROM model_alias WHERE alias = ? ORDER BY number DESC LIMIT 1",
                (name,),
            ).fetchone()
            return None if row is None else row[0]

    def champion(self) -> Version | None:
        """Return the deployed version; None for the shipped model."""
        version = self.alias("champion")
        with connections.decoded(self._path):
            row = self._connection.execute(
                f"SELECT {_COLUMNS} FROM model WHERE version = ?",  # noqa: S608 - ours
                (version,),
            ).fetchone()
            return None if row is None else _checked(Version(*row))

    def balance(self) -> Balance:
        """Return the balance of the newest training that chose one; the usual one without it."""
        with connections.decoded(self._path):
            connections.require_sound(self._connection, self._path, _TABLES, set())
            rows = self._connection.execute(
                "SELECT metrics FROM model ORDER BY created_at DESC, version DESC"
            )
            found = (balance_of(json.loads(metrics)) for (metrics,) in rows)
            return next((each for each in found if each is not None), USUAL)

    def earlier(self) -> tuple[bool, str | None]:
        """Return whether another champion was deployed before this one, and its version."""
        with connections.decoded(self._path):
            connections.require_sound(self._connection, self._path, _TABLES, set())
            rows = self._connection.execute(
                "SELECT version FROM model_alias WHERE alias = 'champion' ORDER BY number DESC"
            ).fetchall()
        current = rows[0][0] if rows else None
        others = [version for (version,) in rows[1:] if version != current]
        if others:
            return True, others[0]
        return (current is not None), None

    def deployments(self) -> list[Deployment]:
        """Return which models were deployed when, oldest first."""
        with connections.decoded(self._path):
            connections.require_sound(self._connection, self._path, _TABLES, set())
            rows = self._connection.execute(
                "SELECT version, set_at FROM model_alias WHERE alias = 'champion' ORDER BY number"
            ).fetchall()
            return [Deployment(*row) for row in rows]

    def add(self, version: Version) -> bool:
        """Store a version; return whether it is new."""
        with connections.transaction(self._connection, self._path):
            row = (version.version, version.parent, version.created_at)
            texts = (version.document, version.lineage, version.metrics)
            cursor = self._connection.execute(
                "INSERT OR IGNORE INTO model VALUES (?, ?, ?, ?, ?, ?)", (*row, *texts)
            )
            return cursor.rowcount == 1

    def set_alias(self, name: Alias, version: str | None, at: float) -> None:
        """Point an alias to a version; None stands for the shipped model."""
        with connections.transaction(self._connection, self._path):
            self._connection.execute(
                "INSERT INTO model_alias (alias, version, set_at) VALUES (?, ?, ?)",
                (name, version, at),
            )

    def note(self, each: Version, name: str, facts: Mapping[str, Any]) -> None:
        """Add a fact to the lineage of a version."""
        lineage, _ = figures(each)
        with connections.transaction(self._connection, self._path):
            self._connection.execute(
                "UPDATE model SET lineage = ? WHERE version = ?",
                (json.dumps({**lineage, name: facts}), each.version),
            )

    def take_back(
        self, champion: Version, to: str | None, at: float, facts: Mapping[str, Any]
    ) -> None:
        """Deploy another version, and note in the lineage of the champion why.

        Args:
            champion: the deployed version.
            to: the version that takes its place; None for the shipped model.
            at: seconds since the epoch.
            facts: stored as `taken_back`, with the time.
        """
        self.set_alias("champion", to, at)
        self.note(champion, "taken_back", {"at": at, **facts})
