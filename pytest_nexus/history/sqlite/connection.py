"""The only module that opens SQLite files: locks, checks, and one error for each remedy."""

from __future__ import annotations

import sqlite3
import struct
from contextlib import contextmanager
from sqlite3 import connect as open_database
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.system.regular_files import require_regular
from pytest_nexus.errors import CorruptHistoryError, HistoryError, NewerHistoryError
from pytest_nexus.history.sqlite import schema
from pytest_nexus.history.sqlite.untrusted import Guarded, odd_table, unknown_object

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

BUSY_TIMEOUT_S: Final = 30.0
"""Seconds to wait for another writer; a bulk import holds the lock for a few seconds at a time."""

_SETTINGS: Final = ("cache_size = -65536", "trusted_schema = OFF", "cell_size_check = ON")
"""64 MiB of cache; functions in a file's schema are not trusted; damaged pages are detected."""

_PRIMARY: Final = 0xFF
_CORRUPT: Final = frozenset(
    {
        sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT,
        sqlite3.SQLITE_TOOBIG,
    }
)  # fmt: skip
_LOCKED: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_SMALLEST_BYTES: Final = 512
"""The smallest page. SQLite treats a shorter file as empty, and would overwrite it."""

_SIDECARS: Final = ("-journal", "-wal", "-shm")
_UNDECODED: Final = (
    struct.error, TypeError, ValueError, LookupError, AttributeError, ArithmeticError,
    RecursionError,
)  # fmt: skip
_MISSHAPEN: Final = ("no such table", "no such column", "has no column", "columns but", "decode")


def connect(
    path: Path, derive: Callable[[sqlite3.Connection], None] | None = None
) -> sqlite3.Connection:
    """Open a history for writing; create it or migrate it to this version if necessary.

    Args:
        path: the file.
        derive: called in the transaction that migrates an older file to this version.

    Raises:
        CorruptHistoryError: the file is damaged.
        NewerHistoryError: a later version wrote the file.
        HistoryError: the file cannot be opened, or is another program's database.
    """
    with translated(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise HistoryError(
                "NX513", f"Cannot make the folder of history {str(path)!r}: {error}"
            ) from error
        connection = _opened(path, mode="rwc")
        try:
            _check_whole(connection, path)
            if _version(connection, path) < schema.SCHEMA_VERSION:
                _create_or_migrate(connection, path, derive)
            _keep_one_file(connection)
        except BaseException:
            connection.close()
            raise
    return connection


def connect_readonly(path: Path) -> sqlite3.Connection | None:
    """Open a history for reading; None if there is no history yet.

    Raises:
        CorruptHistoryError: the file is damaged.
        NewerHistoryError: a later version wrote the file.
        HistoryError: the file cannot be opened, has an older version, or is another program's.
    """
    with translated(path):
        try:
            return _readable(path)
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_READONLY_ROLLBACK:
                raise
        _roll_back(path)
        return _readable(path)


def _readable(path: Path) -> sqlite3.Connection | None:
    if not path.exists():
        return None
    connection = _opened(path, mode="ro")
    try:
        _check_whole(connection, path)
        version = _version(connection, path)
        if version == schema.SCHEMA_VERSION:
            return connection
        connection.close()
    except BaseException:
        connection.close()
        raise
    if version == 0:
        return None
    raise HistoryError(
        "NX509",
        f"History {str(path)!r} is of schema {version}; run `nexus history rebuild` once to "
        f"bring it to {schema.SCHEMA_VERSION}",
    )


def _roll_back(path: Path) -> None:
    """Roll back what a killed writer left unfinished; a read-only connection cannot do so."""
    connection = _opened(path, mode="rw")
    try:
        connection.execute("PRAGMA user_version").fetchone()
    finally:
        connection.close()


def _opened(path: Path, *, mode: str) -> Guarded:
    if path.exists():
        try:
            require_regular(path)
        except OSError as error:
            raise HistoryError(
                "NX512", f"Cannot use history {str(path)!r}: {error.strerror}"
            ) from error
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    connection = open_database(
        uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, factory=Guarded
    )
    try:
        connection.guard(path)
        for setting in _SETTINGS:
            connection.execute(f"PRAGMA {setting}")
    except BaseException:
        connection.close()
        raise
    return connection


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """Return the schema version after quick checks; 0 for an empty file."""
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema").fetchall()
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if not rows and not version:
        return 0
    if connection.execute("PRAGMA application_id").fetchone()[0] != schema.APPLICATION_ID:
        raise HistoryError(
            "NX510",
            f"{str(path)!r} is not a nexus history but another program's database; name another "
            "file with nexus_history",
        )
    if version > schema.SCHEMA_VERSION:
        raise NewerHistoryError(
            "NX508",
            f"History {str(path)!r} is of schema {version}, this version of nexus knows "
            f"{schema.SCHEMA_VERSION}; upgrade pytest-nexus-ci to use it",
        )
    unknown = unknown_object(rows, version)
    if unknown:
        raise CorruptHistoryError(
            "NX504", f"History {str(path)!r} has a {unknown} that nexus did not make"
        )
    missing = sorted(set(schema.TABLES) - {row[1] for row in rows})
    if version == schema.SCHEMA_VERSION and missing:
        raise CorruptHistoryError("NX506", f"History {str(path)!r} has no table {missing[0]!r}")
    return version


def _check_whole(connection: sqlite3.Connection, path: Path) -> None:
    """Detect a file that was not copied completely.

    The header states the number of pages. SQLite compares that number with the whole pages of the
    file; this function compares it with the bytes. It holds a reader's lock, so that a writer
    cannot cause a false alarm.
    """
    connection.execute("BEGIN")
    (n_pages,) = connection.execute("PRAGMA page_count").fetchone()
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    size_bytes = path.stat().st_size
    connection.execute("COMMIT")
    if size_bytes < max(n_pages * page_bytes, _SMALLEST_BYTES) and size_bytes:
        raise CorruptHistoryError(
            "NX505",
            f"History {str(path)!r} is damaged: it has {size_bytes} bytes of "
            f"{max(n_pages * page_bytes, _SMALLEST_BYTES)}",
        )


def _create_or_migrate(
    connection: sqlite3.Connection,
    path: Path,
    derive: Callable[[sqlite3.Connection], None] | None,
) -> None:
    with transaction(connection, path):
        is_empty = _version(connection, path) == 0
        if is_empty:
            schema.create(connection)
    if not is_empty:
        schema.migrate(connection, finish=derive)


def _keep_one_file(connection: sqlite3.Connection) -> None:
    """Turn off write-ahead logging if it is on: a copy without the log would lose runs."""
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "delete":
        connection.execute("PRAGMA journal_mode = DELETE")


@contextmanager
def transaction(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """Hold the write lock from the start, and write everything or nothing."""
    with translated(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


@contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """Let several reads see the same content, even if others write at the same time."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("COMMIT")


def shrink(connection: sqlite3.Connection) -> None:
    """Return the space of removed rows to the disk."""
    connection.execute("VACUUM")


def is_slim(connection: sqlite3.Connection) -> bool:
    """Return whether a history is a copy without attempts."""
    return connection.execute("SELECT 1 FROM meta WHERE name = 'slim'").fetchone() is not None


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into the `HistoryError` that names the remedy."""
    try:
        yield
    except sqlite3.Error as error:
        raise _translation(path, error) from error
    except UnicodeDecodeError as error:  # from a text that SQLite quotes in its own error
        raise CorruptHistoryError(
            "NX503", f"History {str(path)!r} is damaged: it holds text that is not UTF-8"
        ) from error


@contextmanager
def decoded(path: Path) -> Iterator[None]:
    """Also turn errors of decoding or folding a damaged row into a `HistoryError`."""
    try:
        with translated(path):
            yield
    except _UNDECODED as error:
        raise CorruptHistoryError(
            "NX507", f"History {str(path)!r} holds a value that nexus did not write: {error}"
        ) from error


def require_sound(
    connection: sqlite3.Connection, path: Path, tables: Iterable[str], checked: set[str]
) -> None:
    """Check the values of tables before they are read; tables in `checked` are skipped.

    Raises:
        CorruptHistoryError: a value has a type or a size that nexus never writes.
    """
    with translated(path):
        fresh = [table for table in tables if table not in checked]
        odd = odd_table(connection, fresh)
    if odd:
        place = f"in table {odd!r}"
        raise CorruptHistoryError(
            "NX507", f"History {str(path)!r} holds a value that nexus did not write: {place}"
        )
    checked.update(fresh)


def _code(error: sqlite3.Error) -> int:
    """Return SQLite's error code; errors of the Python module itself have no code."""
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code


def _translation(path: Path, error: sqlite3.Error) -> HistoryError:
    code = _code(error) & _PRIMARY
    text = str(error)
    if code == sqlite3.SQLITE_INTERRUPT:
        return CorruptHistoryError(
            "NX502",
            f"History {str(path)!r} is damaged: a query takes more work than the rows can explain",
        )
    if code in _CORRUPT or any(part in text for part in _MISSHAPEN):
        return CorruptHistoryError("NX501", f"History {str(path)!r} is damaged: {text}")
    if code in _LOCKED:
        return HistoryError(
            "NX511", f"History {str(path)!r} was locked by another process for {BUSY_TIMEOUT_S:g} s"
        )
    return HistoryError("NX512", f"Cannot use history {str(path)!r}: {text}")


def set_aside(path: Path) -> Path:
    """Rename a damaged history to `<name>.corrupt-1`, or the next free number; return the new path.

    SQLite's files beside the history are renamed too: a rollback journal that stayed would be
    applied to the new history.

    Raises:
        OSError: the file cannot be renamed.
    """
    number = 1
    while path.with_name(f"{path.name}.corrupt-{number}").exists():
        number += 1
    target = path.with_name(f"{path.name}.corrupt-{number}")
    path.rename(target)
    for suffix in _SIDECARS:
        sidecar = path.with_name(path.name + suffix)
        if sidecar.exists():
            sidecar.rename(target.with_name(target.name + suffix))
    return target
