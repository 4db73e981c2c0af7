"""Read the stored attempts, and count runs and tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.history.sqlite.runs import ordered_runs, summaries
from pytest_nexus.journal.encoding import failure_of, full_attempt

if TYPE_CHECKING:
    import sqlite3

    from pytest_nexus.domain.records import Attempt

_ATTEMPTS: Final = """
    SELECT run.run_uid, test.key, test.function, number, outcomes, setup_us, call_us, teardown_us,
           started_us, worker, phase, exception, location, message, signature
    FROM run CROSS JOIN attempt USING (run_id) CROSS JOIN test USING (test_id)
         LEFT JOIN failure USING (failure_id)
"""


def attempts_of_run(connection: sqlite3.Connection, run_uid: str) -> list[Attempt]:
    """Return the attempts of a run, in the order of their starts; empty for an unknown run."""
    where = "WHERE run_uid = ? ORDER BY started_us, test_id, number"
    return [attempt for _, attempt in _attempts(connection, where, run_uid)]


def attempts_of_test(connection: sqlite3.Connection, key: str) -> list[tuple[str, Attempt]]:
    """Return a test's attempts in trusted runs, with their run_uids, in the order of the fold."""
    where = "WHERE attempt.test_id = (SELECT test_id FROM test WHERE key = ?) ORDER BY number"
    found = _attempts(connection, where, key)
    order = summaries(connection, ordered_runs(connection))
    place = {summary.run.run_uid: index for index, summary in enumerate(order)}
    trusted = [pair for pair in found if pair[0] in place]
    return sorted(trusted, key=lambda pair: place[pair[0]])


def count_runs(connection: sqlite3.Connection) -> int:
    """Return how many trusted runs are stored."""
    return _count(connection, "SELECT count(*) FROM run WHERE trust = 'trusted'")


def count_tests(connection: sqlite3.Connection) -> int:
    """Return the number of tests with statistics."""
    return _count(connection, "SELECT count(*) FROM state")


def _count(connection: sqlite3.Connection, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])


def _attempts(connection: sqlite3.Connection, where: str, value: str) -> list[tuple[str, Attempt]]:
    rows = connection.execute(_ATTEMPTS + where, (value,)).fetchall()
    return [(row[0], full_attempt((*row[1:10], failure_of(row[10:])))) for row in rows]
