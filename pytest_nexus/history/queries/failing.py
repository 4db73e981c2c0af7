"""Find since when a test fails: the unbroken sequence of equal failures at the end of its runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.history.sqlite.runs import ordered_runs
from pytest_nexus.journal.encoding import FAIL, NO_VERDICT, VERDICT_OF

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterator

_COLUMNS: Final = "key, branch, signature, started_at, commit_id, runs"
_RUN: Final = (
    "SELECT run_uid, coalesce(branch, ''), started_at, commit_id FROM run WHERE run_id = ?"
)
_OF_BRANCH: Final = (
    "SELECT run_uid FROM run"
    " WHERE branch = ? AND source <> 'durations' AND trust = 'trusted' AND n_tests > 0"
)
_ATTEMPTS: Final = """
    SELECT test_id, outcomes, coalesce(signature, '')
    FROM attempt LEFT JOIN failure USING (failure_id)
    WHERE run_id = ? ORDER BY test_id, number
"""


class FailingSince(NamedTuple):
    """A test that failed in its last run on a branch."""

    key: str
    branch: str
    """Empty if the branch is not known."""
    signature: str
    """Signature of the failure; empty if it is not known."""
    started_at: float
    """Start of the first run of the unbroken sequence; seconds since the epoch."""
    commit: str | None
    """Commit of that run."""
    runs: int
    """Number of failing runs since then, including that run."""


_TOGETHER: Final = """
    SELECT other.key, count(*), (
        SELECT count(*) FROM failed_test AS mine JOIN run USING (run_id)
        WHERE mine.test_id = asked.test_id AND trust = 'trusted' AND NOT mass_failure
    )
    FROM test AS asked JOIN failed_test AS own USING (test_id) JOIN run USING (run_id)
    JOIN failed_test AS also USING (run_id) JOIN test AS other ON other.test_id = also.test_id
    WHERE asked.key = ? AND other.test_id <> asked.test_id AND trust = 'trusted'
          AND NOT mass_failure
    GROUP BY other.key ORDER BY 2 DESC, 1
"""


class Together(NamedTuple):
    """A test that failed in the same runs as another test."""

    key: str
    together: int
    """Number of runs in which both failed."""
    failures: int
    """Number of runs in which the other test failed."""


def failed_together(connection: sqlite3.Connection, key: str) -> list[Together]:
    """Return the tests that failed in the same runs as one test, the most frequent first.

    The first attempts count; mass failures are left out.
    """
    return [Together(*row) for row in connection.execute(_TOGETHER, (key,))]


def failing(connection: sqlite3.Connection, without: Collection[str] = ()) -> list[FailingSince]:
    """Return the tests that failed in their last run on a branch, by key and branch.

    A test fails in a run if its last attempt there failed. So a test that passes in a rerun does
    not fail.
    """
    stored = connection.execute(f"SELECT {_COLUMNS} FROM failing ORDER BY key, branch").fetchall()  # noqa: S608 - constants only
    return [FailingSince(*row) for row in stored or _derived(connection, without)]


def has_run_of(connection: sqlite3.Connection, branch: str, without: Collection[str] = ()) -> bool:
    """Return whether a branch has a run with known outcomes, other than the runs in `without`."""
    runs = connection.execute(_OF_BRANCH, (branch,))
    return bool(branch) and any(run_uid not in without for (run_uid,) in runs)


def fill_failing(copy: sqlite3.Connection, whole: sqlite3.Connection) -> None:
    """Store in a slim copy the rows that need attempts, which the copy lacks."""
    copy.executemany("INSERT INTO failing VALUES (?, ?, ?, ?, ?, ?)", _derived(whole, ()))


def _derived(connection: sqlite3.Connection, without: Collection[str]) -> list[tuple[object, ...]]:
    rows: dict[tuple[int, str], tuple[str, float, str | None, int]] = {}
    for run_id in ordered_runs(connection):
        run_uid, branch, started_at, commit = connection.execute(_RUN, (run_id,)).fetchone()
        if run_uid in without:
            continue
        for test_id, signature in _failures(connection, run_id, rows, branch):
            old = rows.get((test_id, branch))
            if old is not None and old[0] == signature:
                rows[test_id, branch] = (*old[:3], old[3] + 1)
            else:
                rows[test_id, branch] = (signature, started_at, commit, 1)
    keys = dict(connection.execute("SELECT test_id, key FROM test"))
    return sorted((keys[test_id], branch, *row) for (test_id, branch), row in rows.items())


def _failures(
    connection: sqlite3.Connection,
    run_id: int,
    rows: dict[tuple[int, str], tuple[str, float, str | None, int]],
    branch: str,
) -> Iterator[tuple[int, str]]:
    """Yield the tests that failed in a run; end the sequences of tests that passed."""
    last: dict[int, tuple[int, str]] = {}
    for test_id, outcomes, signature in connection.execute(_ATTEMPTS, (run_id,)):
        last[test_id] = (VERDICT_OF[outcomes], signature)
    for test_id, (verdict, signature) in last.items():
        if verdict == FAIL:
            yield test_id, signature
        elif verdict != NO_VERDICT:
            rows.pop((test_id, branch), None)
