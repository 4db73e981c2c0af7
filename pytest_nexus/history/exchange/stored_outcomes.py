"""Read and add what happened to commits after the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.history.sqlite import connection as connections
from pytest_nexus.history.sqlite.outcome_table import insert_outcomes, read_outcomes

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from pathlib import Path

    from pytest_nexus.plan.delivery.commit_outcomes import DeploymentOutcome


class Deployments:
    """The outcomes in one history; its methods raise `HistoryError` as the history does."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def read(self) -> list[DeploymentOutcome]:
        """Return all outcomes, in time order."""
        with connections.decoded(self._path), connections.snapshot(self._connection):
            connections.require_sound(self._connection, self._path, ("deployment_outcome",), set())
            return read_outcomes(self._connection)

    def add(self, found: Iterable[DeploymentOutcome]) -> int:
        """Store outcomes that are not stored yet; return their number."""
        with connections.transaction(self._connection, self._path):
            return insert_outcomes(self._connection, found)
