"""Read the statistics of all tests at once, and decode them test by test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.records import OUTCOMES, TestKey, TestStats
from pytest_nexus.history.state.fold import (
    DURATIONS_BYTES,
    SETTING_BYTES,
    WINDOW,
    State,
    stats_of,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

_ROWS: Final = "SELECT test.key, test.function, state.* FROM state JOIN test USING (test_id)"
_COLUMNS: Final = 3 + len(State._fields)

_LARGEST: Final = 1e12
"""A limit above any count."""


def _all_between(names: Iterable[str], least: float, most: float) -> list[str]:
    """Return SQL conditions for numbers within bounds: SQLite sorts text after all numbers."""
    return [f"{name} BETWEEN {least} AND {most}" for name in names]


_SOUND: Final = " AND ".join(
    (
        f"typeof(durations) = 'blob' AND length(durations) = {DURATIONS_BYTES}",
        "typeof(commits) = 'blob' AND typeof(last_outcome) = 'integer'",
        f"typeof(settings) = 'blob' AND length(settings) IN (0, {WINDOW * SETTING_BYTES})",
        *_all_between(["last_outcome"], 1, len(OUTCOMES)),
        *_all_between(["runs", "failures", "transitions", "flakes"], 0, _LARGEST),
        *_all_between(["coalesce(since_failure, 0)"], 0, _LARGEST),
        *_all_between(["rate_2", "rate_8", "rate_32"], 0, 1),
        *_all_between(["first_seen", "last_seen"], -62_135_596_800, 253_402_300_799),
    )
)
"""SQL condition for rows that the fold may have written, and that are safe to compute with."""

_ODD: Final = (
    f"SELECT test_id FROM state WHERE ({_SOUND}) IS NOT TRUE UNION ALL "  # noqa: S608 - names and numbers of ours
    "SELECT test_id FROM test WHERE typeof(key) <> 'text' "
    "OR typeof(function) NOT IN ('text', 'null') LIMIT 1"
)


class StatsView(Mapping[TestKey, TestStats]):
    """The statistics of every test by key; each test is decoded on first access.

    A session reads all statistics before it collects, and uses only those of the collected tests.
    Values that could not be decoded later are detected when they are read.
    """

    def __init__(self, rows: dict[str, tuple[Any, ...] | TestStats]) -> None:
        self._known = rows

    @classmethod
    def read(cls, connection: sqlite3.Connection) -> StatsView:
        """Return the statistics of all tests in a history.

        Raises:
            ValueError: the history holds a value that the fold did not write.
        """
        _refuse_odd(connection)
        return cls(cls._rows(connection.execute(_ROWS)))

    @classmethod
    def of_flaky(cls, connection: sqlite3.Connection) -> StatsView:
        """Return the statistics of the tests that have flaked.

        Raises:
            ValueError: as in `read`.
        """
        _refuse_odd(connection)
        return cls(cls._rows(connection.execute(_ROWS + " WHERE state.flakes > 0")))

    @staticmethod
    def _rows(rows: sqlite3.Cursor) -> dict[str, tuple[Any, ...] | TestStats]:
        if len(rows.description) != _COLUMNS:
            raise ValueError(f"a state of {len(rows.description)} columns in place of {_COLUMNS}")
        return {row[0]: row for row in rows}

    def all(self) -> dict[TestKey, TestStats]:
        """Return the statistics of every test, decoded at once."""
        return {key: self[key] for key in self}

    def __getitem__(self, key: TestKey) -> TestStats:
        found = self._known[key]
        if type(found) is tuple:
            found = self._known[key] = stats_of(found[0], found[1], found[3:])
        return found  # type: ignore[return-value] # the tuple was just replaced

    def get(self, key: TestKey, default: Any = None) -> Any:
        """Return a test's statistics, or the default; called for every test, so without `try`."""
        return self[key] if key in self._known else default

    def __iter__(self) -> Iterator[TestKey]:
        return map(TestKey, self._known)

    def __len__(self) -> int:
        return len(self._known)


def _refuse_odd(connection: sqlite3.Connection) -> None:
    odd = connection.execute(_ODD).fetchone()
    if odd is not None:
        raise ValueError(f"the state of test {odd[0]!r}")
