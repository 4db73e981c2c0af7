"""Read what the tests used when they passed; sets are decoded when somebody looks into them."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.dependencies import Fingerprint, KnownUses
from pytest_nexus.domain.records import TestKey
from pytest_nexus.domain.system.originals import dumps
from pytest_nexus.history.sqlite.connection import decoded
from pytest_nexus.history.uses.packing import members_of
from pytest_nexus.history.uses.reading import SetReader, read_dependencies, read_modules

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

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
_RUNS: Final = "SELECT run_id, run_uid, commit_id, started_at FROM run"
_SETS_IN_MEMORY: Final = 512
_Row = tuple[int, int, int]


class _Decoder:
    """Decodes the sets of one history.

    A set of 200 dependencies takes 8 KB as a `frozenset`, and 100 bytes in the file. So only the
    sets that were used last stay decoded.
    """

    def __init__(self, path: Path, sets: SetReader, known: AbstractSet[int]) -> None:
        self._path = path
        self._sets = sets
        self._known = frozenset(known)
        self.whole = lru_cache(maxsize=_SETS_IN_MEMORY)(self._whole)
        self.common = lru_cache(maxsize=_SETS_IN_MEMORY)(self._common)

    def members(self, set_id: int) -> list[int]:
        """Return the members of a set.

        Raises:
            CorruptHistoryError: the set is damaged, or a dependency is missing.
        """
        with decoded(self._path):
            found = list(members_of(self._sets.packed(set_id)))
            if not self._known.issuperset(found):
                raise ValueError(f"set {set_id} has an unknown member")
        return found

    def functions_among(self, set_id: int, wanted: frozenset[int]) -> tuple[int, frozenset[int]]:
        """Return how many members a set has, and those that are wanted.

        A session asks this of the set of every test; so nothing is checked but that it decodes.
        """
        try:
            found = list(members_of(self._sets.packed(set_id)))
        except Exception:
            with decoded(self._path):
                raise
        return len(found), wanted.intersection(found)

    def _whole(self, set_id: int) -> frozenset[int]:
        return frozenset(self.members(set_id))

    def _common(self, set_id: int, others: frozenset[int]) -> frozenset[int]:
        return others.intersection(self.members(set_id))


class StoredMembers(AbstractSet[int]):
    """The members of a fingerprint. Fingerprints with the same members share one such object.

    Raises `CorruptHistoryError` on access if a set is damaged.
    """

    __slots__ = ("_decoder", "_functions", "_others")

    def __init__(self, decoder: _Decoder, functions: int, others: int) -> None:
        self._decoder = decoder
        self._functions = functions
        self._others = others

    @classmethod
    def _from_iterable(cls, it: Iterable[Any]) -> frozenset[Any]:
        return frozenset(it)

    def __contains__(self, number: object) -> bool:
        whole = self._decoder.whole
        return number in whole(self._others) or number in whole(self._functions)

    def __iter__(self) -> Iterator[int]:
        members = self._decoder.members
        return chain(members(self._functions), members(self._others))

    def __len__(self) -> int:
        members = self._decoder.members
        return len(members(self._functions)) + len(members(self._others))

    def __and__(self, other: AbstractSet[Any]) -> frozenset[int]:
        """Return the common members; fast for a `frozenset`, above all for the same one again."""
        wanted = other if isinstance(other, frozenset) else frozenset(other)
        found = self._decoder.common(self._others, wanted)
        own = wanted.intersection(self._decoder.members(self._functions))
        return found | own if found else own

    __rand__ = __and__

    def functions_among(self, wanted: frozenset[int]) -> tuple[int, frozenset[int]]:
        """Return the number of functions, and the functions that are wanted."""
        return self._decoder.functions_among(self._functions, wanted)

    def isdisjoint(self, other: Iterable[Any]) -> bool:
        """Return whether there is no common member."""
        wanted = other if isinstance(other, frozenset) else frozenset(other)
        if self._decoder.common(self._others, wanted):
            return False
        return wanted.isdisjoint(self._decoder.members(self._functions))

    def __hash__(self) -> int:
        return hash(frozenset(self))


class FingerprintsView(Mapping[TestKey, tuple[Fingerprint, ...]]):
    """The fingerprints of each test, made on access."""

    def __init__(
        self,
        rows: dict[str, list[_Row]],
        runs: dict[int, tuple[str, str | None, float]],
        decoder: _Decoder,
    ) -> None:
        self._rows = rows
        self._runs = runs
        self._members = {
            row[:2]: StoredMembers(decoder, *row[:2]) for own in rows.values() for row in own
        }

    def __getitem__(self, key: TestKey) -> tuple[Fingerprint, ...]:
        return tuple(
            Fingerprint(self._members[functions, others], *self._runs[run_id])
            for functions, others, run_id in self._rows[key]
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
    if any(row[2] not in runs for own in rows.values() for row in own):
        raise ValueError("a test passed in an unknown run")
    used = {each for own in rows.values() for row in own for each in row[:2]}
    decoder = _Decoder(path, SetReader.of(connection, used), dependencies.keys())
    modules = {level.digest: level for level in read_modules(connection)}
    return KnownUses(dependencies, FingerprintsView(rows, runs, decoder), modules)
