"""Transfer whole histories: read their content for a merge, and copy them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.records import Failure
from pytest_nexus.domain.system.files import replacing
from pytest_nexus.errors import HistoryError
from pytest_nexus.history.exchange.merge import Candidate, candidate
from pytest_nexus.history.queries.failing import fill_failing
from pytest_nexus.history.sqlite import schema
from pytest_nexus.history.sqlite.connection import decoded
from pytest_nexus.history.sqlite.quality_table import read_quality
from pytest_nexus.history.sqlite.runs import fork_runs, ordered_runs, summaries
from pytest_nexus.history.sqlite.selection_tables import OF_RUNS, read_selection
from pytest_nexus.history.sqlite.uses_tables import TABLES_OF_USES
from pytest_nexus.history.uses.cleaning import copy_uses
from pytest_nexus.history.uses.stored_uses import StoredUses

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from pytest_nexus.journal.encoding import RawAttempt

_ATTEMPTS: Final = """
    SELECT key, function, number, outcomes, setup_us, call_us, teardown_us, started_us, worker,
           phase, exception, location, message, signature
    FROM attempt JOIN test USING (test_id) LEFT JOIN failure USING (failure_id)
    WHERE run_id = ? ORDER BY test_id, number
"""
_NOT_IN_SLIM: Final = frozenset(
    {"attempt", "failure", "artifact", "failing", "run", "changed_file", "failed_test", "test"}
    | {"run_quality", "run_node", *OF_RUNS}
    # Only training reads the words, and training needs attempts.
    | {"changed_words"}
    # Only trusted commands read it.
    | {"autopilot_log"}
    | set(TABLES_OF_USES)  # copied with new ids, as far as fingerprints need them
)
_TRUSTED_RUN: Final = "run_id IN (SELECT run_id FROM whole.run WHERE trust = 'trusted')"
_IN_SLIM_IF: Final = {
    "run": _TRUSTED_RUN,
    "changed_file": _TRUSTED_RUN,
    "failed_test": _TRUSTED_RUN,
    "run_quality": _TRUSTED_RUN,
    "run_node": _TRUSTED_RUN,
    "selection_run": _TRUSTED_RUN,
    "test": "test_id IN (SELECT test_id FROM whole.state)",
}
"""Runs of forks are left out of the copy that CI jobs receive."""


def tombstones(connection: sqlite3.Connection, path: Path) -> list[str]:
    """Return the run_uids of the runs that were pruned from a history."""
    with decoded(path):
        return [run_uid for (run_uid,) in connection.execute("SELECT run_uid FROM tombstone")]


def candidates(
    connection: sqlite3.Connection, path: Path, only: Collection[str] | None = None
) -> Iterator[Candidate]:
    """Yield the runs of a history for a merge into another history; errors name `path`.

    `only`: the run_uids of the wanted runs; None for all.
    """
    with decoded(path):
        order = ordered_runs(connection) + fork_runs(connection)
        if only is not None:
            numbers = dict(connection.execute("SELECT run_id, run_uid FROM run"))
            order = [run_id for run_id in order if numbers[run_id] in only]
        uses = StoredUses(connection)
    for run_id in order:
        with decoded(path):
            (digest,) = connection.execute(
                "SELECT digest FROM run WHERE run_id = ?", (run_id,)
            ).fetchone()
            (summary,) = summaries(connection, [run_id])
            attempts = _raw_attempts(connection, run_id)
            quality = read_quality(connection, run_id)
            selection = read_selection(connection, run_id)
            beside = (uses.of_run(run_id), quality, selection)
            each = candidate(summary.run, attempts, digest, *beside)
        yield each


def _raw_attempts(connection: sqlite3.Connection, run_id: int) -> Iterator[RawAttempt]:
    for row in connection.execute(_ATTEMPTS, (run_id,)):
        yield (*row[:9], None if row[9] is None else Failure(*row[9:]))


def export(connection: sqlite3.Connection, source: Path, path: Path, *, slim: bool) -> None:
    """Copy the history behind `connection`, completely or without attempts.

    The copy appears only when it is complete.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as unfinished, decoded(source):
            _copy(connection, source, unfinished, slim=slim)
    except OSError as error:
        raise HistoryError("NX514", f"Cannot write history {str(path)!r}: {error}") from error


def _copy(connection: sqlite3.Connection, source: Path, path: Path, *, slim: bool) -> None:
    if not slim:
        connection.execute("VACUUM INTO ?", (str(path),))
        return
    uri = f"{path.absolute().as_uri()}?mode=rwc"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as copy:
        copy.execute("ATTACH ? AS whole", (f"{source.absolute().as_uri()}?mode=ro",))
        copy.execute("BEGIN")
        schema.create(copy)
        for table in schema.TABLES:
            if table not in _NOT_IN_SLIM:
                copy.execute(f"INSERT INTO {table} SELECT * FROM whole.{table}")  # noqa: S608 - ours
        for table, condition in _IN_SLIM_IF.items():
            copy.execute(f"INSERT INTO {table} SELECT * FROM whole.{table} WHERE {condition}")  # noqa: S608 - ours
        fill_failing(copy, connection)
        copy_uses(connection, copy)
        copy.execute("INSERT OR REPLACE INTO meta VALUES ('slim', 'yes')")
        copy.execute("COMMIT")
