"""Find the tests that fail at the end of a branch, without reading every attempt."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.history.queries.failing import FailingSince, failing
from pytest_nexus.history.sqlite.connection import is_slim
from pytest_nexus.journal.encoding import FAIL, NO_VERDICT, VERDICT_OF

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

_RUNS: Final = "SELECT run_id, coalesce(branch, ''), started_at, commit_id, run_uid FROM run"
_CANDIDATES: Final = """
    SELECT DISTINCT coalesce(branch, ''), test_id FROM failed_test JOIN run USING (run_id)
    WHERE trust = 'trusted'
"""
_LAST: Final = """
    SELECT outcomes, coalesce(signature, ''), coalesce(exception, ''), coalesce(message, '')
    FROM attempt LEFT JOIN failure USING (failure_id)
    WHERE run_id = ? AND test_id = ? ORDER BY number DESC LIMIT 1
"""


class End(NamedTuple):
    """A test that failed in its last run on a branch, with the cause and the first such run."""

    since: FailingSince
    run_uid: str
    """The first run of the unbroken sequence; empty if unknown."""
    exception: str
    message: str


def read_ends(
    connection: sqlite3.Connection, order: Sequence[int], keys: dict[int, str]
) -> list[End]:
    """Return what `queries.failing.failing` returns, by key and branch.

    Only tests whose first attempt failed in some run are looked up, from the newest run backwards.

    Args:
        connection: of the history; in a slim copy the cause is unknown.
        order: ids of the trusted runs, in the order of the fold.
        keys: the key of each test.
    """
    if is_slim(connection):
        return [End(since, "", "", "") for since in failing(connection)]
    runs = {row[0]: row[1:] for row in connection.execute(_RUNS)}
    of_branch: defaultdict[str, list[int]] = defaultdict(list)
    for run_id in reversed(order):
        of_branch[runs[run_id][0]].append(run_id)
    found = []
    for branch, test_id in connection.execute(_CANDIDATES).fetchall():
        end = _end(connection, test_id, of_branch[branch])
        if end is not None:
            run_id, signature, n_runs, exception, message = end
            _, started_at, commit, run_uid = runs[run_id]
            since = FailingSince(keys[test_id], branch, signature, started_at, commit, n_runs)
            found.append(End(since, run_uid, exception, message))
    return sorted(found, key=lambda each: (each.since.key, each.since.branch))


def _end(
    connection: sqlite3.Connection, test_id: int, newest_first: Sequence[int]
) -> tuple[int, str, int, str, str] | None:
    """Return the first run of the sequence of equal failures at the end, and its cause."""
    first, said, n_runs = 0, ("", "", ""), 0
    for run_id in newest_first:
        row = connection.execute(_LAST, (run_id, test_id)).fetchone()
        verdict = NO_VERDICT if row is None else VERDICT_OF[row[0]]
        if verdict == NO_VERDICT:
            continue
        if verdict != FAIL or (n_runs and row[1] != said[0]):
            break
        first, said, n_runs = run_id, row[1:], n_runs + 1
    return (first, said[0], n_runs, said[1], said[2]) if n_runs else None
