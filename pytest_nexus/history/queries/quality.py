"""Read the figures about the predictions of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.history.sqlite import connection as connections
from pytest_nexus.history.sqlite.quality_table import RunQuality, quality_of_row, read_node
from pytest_nexus.history.sqlite.runs import ordered_runs, selection

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

_ONE: Final = """
    SELECT run_uid, started_at, branch, mass_failure, selected_by, run_quality.*
    FROM run JOIN run_quality USING (run_id) WHERE run_id = ?
"""
_TABLES: Final = ("run", "run_quality", "run_node")


class QualityOfRun(NamedTuple):
    """The figures about the prediction of one run."""

    run_uid: str
    started_at: float
    branch: str | None
    is_mass_failure: bool
    selected_by: tuple[str, ...]
    """As in `Run.selected_by`."""
    quality: RunQuality


class Qualities:
    """The figures in one history; its methods raise `HistoryError` as the history does."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def read(self, limit: int | None = None) -> list[QualityOfRun]:
        """Return the figures of the trusted runs that have some, in the order of the fold.

        `limit`: at most this number of the newest runs; None for all runs.
        """
        with connections.decoded(self._path), connections.snapshot(self._connection):
            connections.require_sound(self._connection, self._path, _TABLES, set())
            return _read(self._connection, limit)


def _read(connection: sqlite3.Connection, limit: int | None) -> list[QualityOfRun]:
    has_some = {run_id for (run_id,) in connection.execute("SELECT run_id FROM run_quality")}
    wanted = [run_id for run_id in ordered_runs(connection) if run_id in has_some]
    if limit is not None:
        wanted = wanted[max(0, len(wanted) - limit) :]
    found = []
    for run_id in wanted:
        run_uid, started_at, branch, is_mass, limits, _, *row = connection.execute(
            _ONE, (run_id,)
        ).fetchone()
        facts = (run_uid, started_at, branch, bool(is_mass), selection(limits))
        quality = quality_of_row(row)._replace(node=read_node(connection, run_id))
        found.append(QualityOfRun(*facts, quality))
    return found
