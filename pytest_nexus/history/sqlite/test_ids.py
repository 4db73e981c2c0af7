"""Look up the ids of tests in the test table, once for a whole transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection

    from pytest_nexus.journal.encoding import RawAttempt

_FEW: Final = 4
"""One look-up costs about as much as reading this number of rows in a scan."""


class TestIds:
    """Gives ids to tests; lives for one transaction, in which no other process writes."""

    __test__ = False  # pytest collects classes by their name

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._ids: dict[str, int] = {}
        self._functions: dict[str, str | None] = {}
        self._n_unread: int = connection.execute("SELECT count(*) FROM test").fetchone()[0]

    def of(self, attempts: Collection[RawAttempt]) -> dict[str, int]:
        """Return the ids of the tests by key; new tests are stored.

        If two runs give a key different functions, the smaller one is kept, in either order.
        """
        self._read(attempts)
        functions = self._functions
        unlike = {
            raw[0]: raw[1]
            for raw in attempts
            if raw[0] not in functions or functions[raw[0]] != raw[1]
        }
        if unlike:
            self._store(unlike)
        return self._ids

    def _read(self, attempts: Collection[RawAttempt]) -> None:
        """Read the missing tests: all rows in one scan, or one by one if few are needed."""
        if not self._n_unread:
            return
        if len(attempts) * _FEW > self._n_unread:
            rows = self._connection.execute("SELECT key, test_id, function FROM test").fetchall()
            self._n_unread = 0
        else:
            rows = [row for raw in attempts for row in self._one(raw[0])]
        self._ids.update((key, test_id) for key, test_id, _ in rows)
        self._functions.update((key, function) for key, _, function in rows)

    def _one(self, key: str) -> list[tuple[str, int, str | None]]:
        if key in self._ids:
            return []
        query = "SELECT key, test_id, function FROM test WHERE key = ?"
        return self._connection.execute(query, (key,)).fetchall()

    def _store(self, unlike: dict[str, str | None]) -> None:
        (last,) = self._connection.execute("SELECT coalesce(max(test_id), 0) FROM test").fetchone()
        rows: list[tuple[int, str, str | None]] = []
        for key, function in unlike.items():
            if key not in self._ids:
                last += 1
                self._ids[key], self._functions[key] = last, function
            elif (function or key) < (self._functions[key] or key):
                self._functions[key] = function
            rows.append((self._ids[key], key, self._functions[key]))
        self._connection.executemany("INSERT OR REPLACE INTO test VALUES (?, ?, ?)", rows)
