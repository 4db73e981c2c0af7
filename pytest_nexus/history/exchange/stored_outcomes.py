"""Read and add what happened to commits after the tests, and what guards a selection from it."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.system.originals import dumps, loads
from pytest_nexus.history.sqlite import connection as connections
from pytest_nexus.history.sqlite.outcome_table import insert_outcomes, read_outcomes
from pytest_nexus.plan.delivery.escape_guard import Guard, GuardedFile, LeavingRun
from pytest_nexus.plan.selection.watch import Check

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from pathlib import Path

    from pytest_nexus.plan.delivery.commit_outcomes import DeploymentOutcome

_GUARD: Final = "escapes"
"""Name of the row of `meta` with the guard: derived data, so a merge does not take it over."""

_MOST_CHARS: Final = 4_000_000
_LEAVING: Final = """
    SELECT run_uid, started_at, commit_id, confidence, selection_run.n_failed > 0
    FROM selection_run JOIN run USING (run_id)
    WHERE trust = 'trusted' AND mode = 'on' AND n_left > 0 AND confidence IS NOT NULL
          AND commit_id IS NOT NULL AND NOT dirty AND NOT mass_failure
    ORDER BY started_at, run_uid
"""


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

    def leaving_runs(self) -> list[LeavingRun]:
        """Return the trusted runs at clean commits that left tests out, in time order."""
        with connections.decoded(self._path), connections.snapshot(self._connection):
            tables = ("run", "selection_run")
            connections.require_sound(self._connection, self._path, tables, set())
            rows = self._connection.execute(_LEAVING).fetchall()
        return [LeavingRun._make((*row[:-1], bool(row[-1]))) for row in rows]

    def guard(self) -> Guard:
        """Return what guards a selection; nothing if it is not stored, or is damaged."""
        with connections.decoded(self._path):
            row = self._connection.execute(
                "SELECT value FROM meta WHERE name = ? AND length(value) <= ?",
                (_GUARD, _MOST_CHARS),
            ).fetchone()
        try:
            return Guard() if row is None else _guard(loads(row[0]))
        except (ValueError, TypeError, KeyError, RecursionError):
            return Guard()

    def keep_guard(self, guard: Guard) -> None:
        """Store what guards a selection, in place of what was stored."""
        text = dumps(guard._asdict())
        with connections.transaction(self._connection, self._path):
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_GUARD, text))


def _guard(found: Any) -> Guard:
    checks = [
        Check(_time(at), str(run_uid), _share(risk), bool(missed))
        for at, run_uid, risk, missed in found["checks"]
    ]
    files = [GuardedFile(str(path), _time(at), str(commit)) for path, at, commit in found["files"]]
    return Guard(tuple(sorted(checks)), tuple(files))


def _time(value: Any) -> float:
    if not isfinite(at := float(value)):
        raise ValueError(f"a time {value!r}")
    return at


def _share(value: Any) -> float:
    if not 0.0 <= (share := float(value)) <= 1.0:
        raise ValueError(f"a share {value!r}")
    return share
