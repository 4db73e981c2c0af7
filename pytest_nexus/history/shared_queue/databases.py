"""Connections to the two kinds of databases; each transaction is one call.

A lock lets the thread of the heartbeat use the same connection. A broken connection is opened again
by the next transaction.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from importlib import import_module
from math import ceil
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from pytest_nexus.domain.safe_text import shown
from pytest_nexus.errors import OptionError, QueueAwayError
from pytest_nexus.history.postgres.bounded_connection import bounded
from pytest_nexus.history.shared_queue.statements import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    T = TypeVar("T")

BUSY_S: Final = 10.0
"""Longest wait for a connection, an answer, or another process that writes to the file."""

_SHARE: Final = 0.8
"""The server gives up a statement after this part of the time, so that the job learns why."""

_MAX_CHARS: Final = 200
_SCHEMA_LOCK: Final = 5_260_710_493_381
"""Key of PostgreSQL's advisory lock around the creation of the tables; any number will do."""


class Cursor(Protocol):
    """What both kinds of cursors do."""

    @property
    def rowcount(self) -> int:
        """Return the number of changed rows."""

    def execute(self, statement: str, values: tuple[Any, ...] = ..., /) -> Any:
        """Run a statement."""

    def executemany(self, statement: str, rows: Any, /) -> Any:
        """Run a statement once for each row."""

    def fetchone(self) -> Any:
        """Return the next row."""

    def fetchall(self) -> list[Any]:
        """Return all rows."""


class Database(Protocol):
    """One database, with its way to write statements."""

    now: str
    """Expression for the seconds since 1970."""
    lock: str
    """What a select of rows to be changed ends with, if rows in other hands are left out."""
    wait: str
    """The same, if the rows are waited for."""
    mark: str
    """Mark of a parameter."""

    def transact(self, work: Callable[[Cursor], T]) -> T:
        """Return the result of a function that runs in one transaction.

        Raises:
            QueueAwayError: the database does not answer, or refuses.
        """

    def close(self) -> None:
        """Close the connection."""


class SqliteDatabase:
    """A file that several processes of one host write to, with a write-ahead log."""

    now = "((julianday('now') - 2440587.5) * 86400.0)"
    lock = wait = ""
    mark = "?"

    def __init__(self, path: Path, answer_s: float = BUSY_S) -> None:
        self._path = path
        self._answer_s = answer_s
        self._guard = Lock()
        self._connection: sqlite3.Connection | None = None

    def transact(self, work: Callable[[Cursor], T]) -> T:
        """Run a function in one transaction, see `Database`."""
        with self._guard:
            try:
                return self._within(work)
            except (sqlite3.Error, OSError) as exc:
                self._close()
                raise _away(f"{self._path.name}: {exc}") from exc

    def close(self) -> None:
        """Close the connection."""
        with self._guard:
            self._close()

    def _within(self, work: Callable[[Cursor], T]) -> T:
        if self._connection is None:
            self._connection = self._connected()
        cursor = self._connection.cursor()
        cursor.execute("begin immediate")
        try:
            result = work(cursor)
        except BaseException:
            cursor.execute("rollback")
            raise
        cursor.execute("commit")
        return result

    def _connected(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self._path, timeout=self._answer_s, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = normal")
            for statement in TABLES:
                connection.execute(statement)
        except BaseException:
            connection.close()
            raise
        return connection

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


class PostgresDatabase:
    """A database of PostgreSQL; nothing outlives a transaction, as PgBouncer asks for.

    Each transaction limits itself. Otherwise a job that is cut off between two statements would
    hold the rows of its claim until the server misses the connection, which may take two hours.

    Args:
        url: as libpq takes it.
        answer_s: longest wait for a connection, and longest silence of the server.
    """

    now = "(extract(epoch from clock_timestamp())::double precision)"
    lock = " for update skip locked"
    wait = " for update"
    mark = "%s"

    def __init__(self, url: str, answer_s: float = BUSY_S) -> None:
        self._url = url
        self._answer_s = answer_s
        self._begin = _begin(answer_s * _SHARE)
        self._guard = Lock()
        self._connection: Any = None
        try:
            self._psycopg: Any = import_module("psycopg")
        except ImportError as exc:
            raise OptionError(
                "NX270",
                "The shared queue in PostgreSQL needs psycopg; run `pip install"
                " 'pytest-nexus-ci[postgres]'`",
            ) from exc

    def transact(self, work: Callable[[Cursor], T]) -> T:
        """Run a function in one transaction, see `Database`."""
        with self._guard:
            try:
                if self._connection is None or self._connection.closed:
                    self._connection = self._connected()
                return self._within(self._connection, work)
            except (self._psycopg.Error, OSError) as exc:
                self._close()
                raise _away(self._without_secret(str(exc))) from exc
            except BaseException:
                self._close()  # a rollback would have to be waited for
                raise

    def close(self) -> None:
        """Close the connection."""
        with self._guard:
            self._close()

    def _within(self, connection: Any, work: Callable[[Cursor], T]) -> T:
        with connection.cursor() as cursor:
            cursor.execute(self._begin)
            result = work(cursor)
            cursor.execute("commit")
        return result

    def _connected(self) -> Any:
        connection = bounded(self._psycopg, self._answer_s).connect(
            self._url, autocommit=True, prepare_threshold=None, **self._defaults()
        )
        try:
            self._within(connection, _create)
        except BaseException:
            connection.close()
            raise
        return connection

    def _defaults(self) -> dict[str, int]:
        """Return the limits of waiting that the address does not give."""
        limits = {
            "connect_timeout": ceil(self._answer_s),
            "tcp_user_timeout": int(self._answer_s * 1000),
        }
        return {name: value for name, value in limits.items() if name not in self._url}

    def _without_secret(self, text: str) -> str:
        """Return an error without the password, which libpq does not quote in any case."""
        secret = self._psycopg.conninfo.conninfo_to_dict(self._url).get("password")
        return text.replace(str(secret), "***") if secret else text

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(self._psycopg.Error):
                connection.close()


def _begin(seconds: float) -> str:
    """Return the begin of a transaction that waits no longer for locks, nor for its client."""
    limit = f"{seconds * 1000:.0f}"
    names = ("statement_timeout", "idle_in_transaction_session_timeout")
    return "; ".join(["begin", *(f"set local {name} = {limit}" for name in names)])


def _create(cursor: Cursor) -> None:
    """Create the tables, unless they are there."""
    cursor.execute("select to_regclass('nexus_queue_results')")
    if cursor.fetchone()[0] is None:
        cursor.execute("select pg_advisory_xact_lock(%s)", (_SCHEMA_LOCK,))
        for statement in TABLES:
            cursor.execute(statement)


def _away(reason: str) -> QueueAwayError:
    line = shown(" ".join(reason.split()))[:_MAX_CHARS]
    return QueueAwayError("NX271", f"The shared queue does not answer: {line}")
