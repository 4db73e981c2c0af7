"""The file of a history, and the guards around each use of it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from pytest_nexus.errors import HistoryError
from pytest_nexus.history.sqlite import connection as connections

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path


class GuardedFile:
    """An open file, as a context manager that closes it.

    Reads and writes go through guards, which check values once and translate the errors of SQLite.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._checked: set[str] = set()  # tables whose values have been checked

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; further calls fail."""
        self._connection.close()

    @property
    def is_slim(self) -> bool:
        """Whether this is a copy without attempts, which cannot take in runs."""
        with connections.translated(self.path):
            return connections.is_slim(self._connection)

    def _refuse_slim(self, action: str) -> None:
        if self.is_slim:
            raise HistoryError(
                "NX515",
                f"History {str(self.path)!r} is a slim copy without attempts and cannot be "
                f"{action}; use the full history",
            )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._refuse_slim("written to")
        with connections.decoded(self.path), connections.transaction(self._connection, self.path):
            yield

    def _require_sound(self, *tables: str) -> None:
        connections.require_sound(self._connection, self.path, tables, self._checked)

    @contextmanager
    def _snapshot(self, *tables: str) -> Iterator[None]:
        """Let several reads see the same content, even if others write at the same time.

        `tables`: tables whose values are checked first.
        """
        with connections.decoded(self.path), connections.snapshot(self._connection):
            self._require_sound(*tables)
            yield
