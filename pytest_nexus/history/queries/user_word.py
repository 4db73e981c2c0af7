"""Read and store whether a user switched a part of nexus on or off, and when.

The word of a user is a fact of the file: the newest one counts, and another history takes it over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from pytest_nexus.history.sqlite import connection as connections

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

Word = Literal["on", "off"]

_WORDS: Final[tuple[Word, Word]] = ("on", "off")
_KEEP: Final = "INSERT OR REPLACE INTO meta VALUES (?, ?)"
_LAST_MOMENT: Final = 253_402_300_799.0


class Said(NamedTuple):
    """When a user said each word, in seconds since the epoch; 0 if never."""

    on: float
    off: float


class UserWord:
    """The word of a user about one part of nexus, in one history.

    Args:
        connection: of the history.
        path: of the history, for messages.
        part: the beginning of the names in the table `meta`.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, part: str) -> None:
        self._connection = connection
        self._path = path
        self._part = part

    def said(self) -> Said:
        """Return when a user said each word."""
        return Said(*map(self._at, _WORDS))

    def say(self, word: Word, at: float) -> None:
        """Store what a user said, and when; an older time of the word is forgotten."""
        with connections.transaction(self._connection, self._path):
            self._keep(word, at)

    def take_over(self, other: UserWord) -> None:
        """Store what a user said in another history. Called inside a transaction."""
        for word in _WORDS:
            at = other._at(word)
            if at > self._at(word):
                self._keep(word, at)

    def _keep(self, word: Word, at: float) -> None:
        self._connection.execute(_KEEP, (f"{self._part}_{word}", repr(at)))

    def _at(self, word: Word) -> float:
        with connections.decoded(self._path):
            row = self._connection.execute(
                "SELECT value FROM meta WHERE name = ?", (f"{self._part}_{word}",)
            ).fetchone()
        try:
            at = float(row[0]) if row is not None else 0.0
        except (TypeError, ValueError):
            return 0.0
        return at if 0.0 <= at <= _LAST_MOMENT else 0.0
