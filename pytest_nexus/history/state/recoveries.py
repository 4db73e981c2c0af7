"""Keep the recovery table consistent with the stored reruns."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, Final, TypeAlias

from pytest_nexus.journal.encoding import FAIL, PASS, VERDICT_OF, worker_name
from pytest_nexus.plan.order_dependence.judge import is_proved
from pytest_nexus.plan.reruns.recovery_times import BUCKETS_S, Recovery, bucket_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

Tallies: TypeAlias = dict[tuple[int, str, int], tuple[int, int]]
"""Numbers of passed and failed attempts by test_id, signature and bucket."""

_RUN: Final = """
    SELECT test_id, outcomes, coalesce(setup_us, 0) + coalesce(call_us, 0)
           + coalesce(teardown_us, 0), started_us, signature, worker
    FROM attempt LEFT JOIN failure USING (failure_id)
    WHERE run_id = :run
    AND test_id IN (SELECT test_id FROM attempt WHERE run_id = :run AND number > 1)
    ORDER BY test_id, number
"""
_WORTH: Final = """
    SELECT 1 FROM run WHERE run_id = ? AND n_reruns > 0 AND NOT mass_failure
    AND source IN ('journal', 'reportlog')
"""
"""JUnit does not record start times, so every rerun would seem to follow immediately."""

_ADD: Final = """
    INSERT INTO recovery VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET passed = passed + excluded.passed, failed = failed + excluded.failed
"""
_ALL: Final = """
    SELECT test.key, signature, bucket, passed, failed FROM recovery JOIN test USING (test_id)
    ORDER BY 1, 2, 3
"""


def add_recoveries(connection: sqlite3.Connection, run_ids: Iterable[int]) -> None:
    """Add the reruns of new runs to the table. Called inside a transaction."""
    found = tallies(connection, run_ids)
    connection.executemany(_ADD, ((*key, *counts) for key, counts in sorted(found.items())))


def rebuild_recoveries(connection: sqlite3.Connection, run_ids: Iterable[int]) -> None:
    """Recount all reruns, after runs were removed."""
    connection.execute("DELETE FROM recovery")
    add_recoveries(connection, run_ids)


def stored_tallies(connection: sqlite3.Connection) -> Tallies:
    """Return the content of the table."""
    rows = connection.execute("SELECT * FROM recovery")
    return {(test, sign, bucket): (passed, failed) for test, sign, bucket, passed, failed in rows}


def recoveries(connection: sqlite3.Connection) -> list[Recovery]:
    """Return the rows of the table, by test key.

    Raises:
        ValueError: nexus never writes such a row; rerun policies rely on valid rows.
    """
    return [_checked(Recovery(*row)) for row in connection.execute(_ALL)]


def tallies(connection: sqlite3.Connection, run_ids: Iterable[int]) -> Tallies:
    """Count the reruns of some runs; the counts are sums, so the order of runs does not matter.

    Counts tests that failed first and passed in the end. Each later attempt counts in the bucket of
    its delay after the end of the first attempt. Mass failures and reports without times are left
    out.
    """
    passed: Counter[tuple[int, str, int]] = Counter()
    failed: Counter[tuple[int, str, int]] = Counter()
    for run_id in run_ids:
        if connection.execute(_WORTH, (run_id,)).fetchone():
            for test_id, rows in groupby(
                connection.execute(_RUN, {"run": run_id}), lambda row: row[0]
            ):
                for signature, bucket, verdict in _repeated(list(rows)):
                    (passed if verdict == PASS else failed)[test_id, signature, bucket] += 1
    return {key: (passed[key], failed[key]) for key in passed.keys() | failed.keys()}


def _checked(row: Recovery) -> Recovery:
    counts = (row.bucket, row.passed, row.failed)
    is_sound = all(isinstance(count, int) and count >= 0 for count in counts)
    if not is_sound or row.bucket >= len(BUCKETS_S) or not isinstance(row.signature, str):
        raise ValueError(f"reruns of {row.key!r}: {counts}")
    return row


def _repeated(
    rows: Sequence[tuple[int, int, int, int, str | None, int | None]],
) -> Iterator[tuple[str, int, int]]:
    """Yield the first failure's signature, bucket and verdict of each later attempt of a test."""
    verdicts = [VERDICT_OF[row[1]] for row in rows]
    places = [
        (verdict == FAIL, worker_name(row[5])) for verdict, row in zip(verdicts, rows, strict=True)
    ]
    if verdicts[0] != FAIL or PASS not in verdicts or is_proved(places):
        return  # waiting does not help here
    _, _, duration_us, started_us, signature, _ = rows[0]
    ended_s = (started_us + duration_us) / 1e6
    for row, verdict in zip(rows[1:], verdicts[1:], strict=True):
        if verdict in (PASS, FAIL):
            yield signature or "", bucket_of(max(0.0, row[3] / 1e6 - ended_s)), verdict
