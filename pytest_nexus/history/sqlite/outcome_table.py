"""The table of what happened to commits after the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.delivery.commit_outcomes import DeploymentOutcome

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

DEPLOYMENTS: Final = """
-- What happened to a commit after the tests. Only trusted commands write this; no journal holds it.
CREATE TABLE deployment_outcome (
    commit_id TEXT NOT NULL,          -- the whole id of the commit
    status TEXT NOT NULL,             -- `deployed`, `failed`, `rolled-back` or `hotfix`
    environment TEXT NOT NULL,        -- where, such as `production`
    at REAL NOT NULL,                 -- seconds since the epoch
    source TEXT NOT NULL,             -- `recorded`; `github`: by its deployments; `git`:
                                      -- by a commit that reverts it
    PRIMARY KEY (commit_id, status, environment, at)
) WITHOUT ROWID;
"""

_SELECT: Final = (
    "SELECT commit_id, status, environment, at, source FROM deployment_outcome"
    " ORDER BY at, commit_id, status, environment"
)
_INSERT: Final = "INSERT OR IGNORE INTO deployment_outcome VALUES (?, ?, ?, ?, ?)"


def read_outcomes(connection: sqlite3.Connection) -> list[DeploymentOutcome]:
    """Return all outcomes, in time order."""
    return [DeploymentOutcome._make(row) for row in connection.execute(_SELECT)]


def insert_outcomes(connection: sqlite3.Connection, found: Iterable[DeploymentOutcome]) -> int:
    """Store outcomes that are not stored yet; return their number. Called inside a transaction."""
    before = connection.total_changes
    connection.executemany(_INSERT, list(found))
    return connection.total_changes - before


def forget_outcomes(connection: sqlite3.Connection, before: float) -> None:
    """Remove the outcomes before a time. Called inside a transaction."""
    connection.execute("DELETE FROM deployment_outcome WHERE at < ?", (before,))
