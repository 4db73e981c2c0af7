"""Limit the runs of forks: how much of the history they may take, and which of them are kept.

Anyone may send runs, as many and as large as the limits of GitHub allow. The newest runs are kept,
until their commit is merged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.history.exchange.merge import drop_orphans, forget

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from pytest_nexus.domain.records import Failure
    from pytest_nexus.history.exchange.merge import Candidate

MAX_RUNS: Final = 50
MAX_BYTES: Final = 6 * 1024 * 1024
"""Limit of all runs of forks together, by the estimate below; the file takes slightly more."""

MAX_SENT_BYTES: Final = 5 * 1024 * 1024
"""Limit of the runs in one artifact."""

_ATTEMPT_BYTES: Final = 30
_ROW_BYTES: Final = 25
_KNOWN: Final = "SELECT 1 FROM test JOIN state USING (test_id) WHERE key = ?"
_STORED: Final = f"""
    SELECT (SELECT count(*) * {_ATTEMPT_BYTES} FROM attempt WHERE run_id = ?1) + (
        SELECT coalesce(sum(2 * length(CAST(key AS BLOB))
            + length(CAST(coalesce(function, '') AS BLOB)) + {_ROW_BYTES}), 0) FROM test
        WHERE test_id IN (SELECT test_id FROM attempt WHERE run_id = ?1)
        AND test_id NOT IN (SELECT test_id FROM state)
    ) + (
        SELECT coalesce(sum(length(CAST(exception || location || message AS BLOB))
            + 2 * length(CAST(signature AS BLOB)) + {_ROW_BYTES}), 0) FROM failure
        WHERE failure_id IN (SELECT failure_id FROM attempt WHERE run_id = ?1)
    ) + (
        SELECT coalesce(sum(length(CAST(path || coalesce(old_path, '') AS BLOB))
            + {_ROW_BYTES}), 0) FROM changed_file WHERE run_id = ?1
    ) + (
        SELECT coalesce(sum(length(CAST(path || words AS BLOB)) + {_ROW_BYTES}), 0)
        FROM changed_words WHERE run_id = ?1
    )
"""  # noqa: S608 - numbers of ours
_NEWEST: Final = "SELECT run_id FROM run WHERE trust = 'fork' ORDER BY run_id DESC"


def size_of(connection: sqlite3.Connection, candidates: Iterable[Candidate]) -> int:
    """Estimate the bytes of some runs in the history; tests that it already has take no bytes."""
    n_bytes = 0
    tests: dict[str, str | None] = {}
    failures: set[Failure] = set()
    for each in candidates:
        n_bytes += _ATTEMPT_BYTES * len(each.attempts)
        tests.update((raw[0], raw[1]) for raw in each.attempts)
        failures.update(raw[9] for raw in each.attempts if raw[9] is not None)
        for file in each.run.change.files:
            n_bytes += _bytes(file.path) + _bytes(file.old_path or "") + _ROW_BYTES
            if file.words is not None:
                n_bytes += _bytes(file.path) + _bytes(file.words) + _ROW_BYTES
    for key, function in tests.items():
        if connection.execute(_KNOWN, (key,)).fetchone() is None:
            n_bytes += 2 * _bytes(key) + _bytes(function or "") + _ROW_BYTES
    for one in failures:
        n_bytes += _bytes(one.exception + one.where + one.message) + 2 * _bytes(one.signature)
        n_bytes += _ROW_BYTES
    return n_bytes


def make_room(connection: sqlite3.Connection, n_bytes: int, n_runs: int) -> int:
    """Remove the oldest runs of forks, by arrival, until new runs fit; return their number.

    Called inside a transaction. The removed runs leave no tombstones: a run may claim the id of
    another run, and must not keep that other run away.
    """
    stored = [run_id for (run_id,) in connection.execute(_NEWEST)]
    kept = 0
    for run_id in stored[: max(0, MAX_RUNS - n_runs)]:
        n_bytes += connection.execute(_STORED, (run_id,)).fetchone()[0]
        if n_bytes > MAX_BYTES:
            break
        kept += 1
    for run_id in stored[kept:]:
        forget(connection, run_id)
    if stored[kept:]:
        drop_orphans(connection)
    return len(stored) - kept


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def heads(connection: sqlite3.Connection) -> list[str]:
    """Return the commits of the runs of forks."""
    query = "SELECT DISTINCT head FROM run WHERE trust = 'fork' AND head IS NOT NULL"
    return [head for (head,) in connection.execute(query)]
