"""Read what the tests used when they passed, and decode that test by test."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.dependencies import Fingerprint, KnownUses
from pytest_nexus.domain.records import TestKey
from pytest_nexus.domain.system.originals import dumps
from pytest_nexus.history.sqlite.connection import decoded
from pytest_nexus.history.uses.reading import SetReader, read_dependencies, read_modules

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from pytest_nexus.domain.dependencies import Dependency

TABLES: Final = (
    "used_path",
    "dependency",
    "set_pack",
    "fingerprint",
    "module_level",
    "run",
    "test",
)
"""The tables whose values must be sound."""

_FINGERPRINTS: Final = """
    SELECT key, functions, others, run_id FROM fingerprint CROSS JOIN test USING (test_id)
"""
_OF_KEYS: Final = """
    SELECT key, functions, others, run_id FROM test CROSS JOIN fingerprint USING (test_id)
    WHERE key IN (SELECT value FROM json_each(?))
"""
_RUNS: Final = (
    "SELECT run_id, run_uid, CASE WHEN dirty THEN NULL ELSE commit_id END, started_at FROM run"
)
_SETS_IN_MEMORY: Final = 512
_Row = tuple[int, int, int]


class FingerprintsView(Mapping[TestKey, tuple[Fingerprint, ...]]):
    """The fingerprints of each test, decoded on each access.

    A set of 200 dependencies takes 8 KB as a `frozenset` and 100 bytes in the file. So only the
    sets that were decoded last stay in memory.

    Raises `CorruptHistoryError` on access if a set is damaged.
    """

    def __init__(
        self,
        path: Path,
        rows: dict[str, list[_Row]],
        runs: dict[int, tuple[str, str | None, float]],
        dependencies: dict[int, Dependency],
        sets: SetReader,
    ) -> None:
        self._path = path
        self._rows = rows
        self._runs = runs
        ids = {number: number for number in dependencies}

        @lru_cache(maxsize=_SETS_IN_MEMORY)
        def union(functions: int, others: int) -> frozenset[int]:
            known = ids.__getitem__  # shares the integers, and refuses an unknown id
            return frozenset(map(known, sets[functions])).union(map(known, sets[others]))

        self._union = union

    def __getitem__(self, key: TestKey) -> tuple[Fingerprint, ...]:
        rows = self._rows[key]
        with decoded(self._path):
            return tuple(
                Fingerprint(self._union(functions, others), *self._runs[run_id])
                for functions, others, run_id in rows
            )

    def __contains__(self, key: object) -> bool:
        return key in self._rows

    def __iter__(self) -> Iterator[TestKey]:
        return map(TestKey, self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def read_uses(
    connection: sqlite3.Connection, path: Path, keys: Collection[str] | None = None
) -> KnownUses:
    """Return what all tests, or those with some keys, used when they passed.

    Args:
        connection: of the history; not needed any more once this function returned.
        path: of the history, for errors.
        keys: of the tests; None for all.

    Raises:
        ValueError: the history holds a value that nexus did not write.
    """
    if keys is None:
        found = connection.execute(_FINGERPRINTS)
    else:
        found = connection.execute(_OF_KEYS, (dumps(list(keys)),))
    rows: dict[str, list[_Row]] = {}
    for key, *row in found:
        rows.setdefault(key, []).append(tuple(row))
    if not rows:
        return KnownUses({}, {}, {})
    dependencies = read_dependencies(connection)
    runs = {row[0]: row[1:] for row in connection.execute(_RUNS)}
    used = {each for own in rows.values() for row in own for each in row[:2]}
    sets = SetReader.of(connection, used)
    view = FingerprintsView(path, rows, runs, dependencies, sets)
    return KnownUses(
        dependencies, view, {level.digest: level for level in read_modules(connection)}
    )
