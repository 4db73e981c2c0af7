"""Store what the tests of runs used: new dependencies and sets, and references to known ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.system.originals import sha256
from pytest_nexus.history.uses.packing import (
    SETS_PER_PACK,
    pack_members,
    pack_run,
    pack_sets,
    pack_statements,
    portions,
)
from pytest_nexus.history.uses.reading import divided

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_nexus.domain.dependencies import ModuleLevel
    from pytest_nexus.history.uses.run_uses import RunUses, Sets

_FEW: Final = 4
"""One look-up costs about as much as reading this number of rows in a scan."""

_ONE: Final = (
    "SELECT dependency_id FROM dependency"
    " WHERE path_id = ? AND kind = ? AND name = ? AND digest = ?"
)
_ALL: Final = "SELECT path_id, kind, name, digest, dependency_id FROM dependency"
_Stored = tuple[str, int, str, bytes]


class UsesStore:
    """Stores uses of runs; lives for one transaction, in which no other process writes."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._source: Sets | None = None
        self._set_ids: dict[int, int] = {}
        """By the number of a set in the source."""
        self._ids: dict[int, int] = {}
        """By the number of a dependency in the source."""
        self._modules: Sequence[ModuleLevel] | None = None

    def add(self, run_id: int, uses: RunUses, test_ids: Mapping[str, int]) -> None:
        """Store what the tests of a run used; each has an id."""
        if uses.sets is not self._source:
            self._source, self._set_ids, self._ids = uses.sets, {}, {}
        if uses.modules is not self._modules:
            self._modules = uses.modules
            self._add_modules(uses.modules)
        mine = sorted(uses.tests)
        self._add_sets(uses, dict.fromkeys(others for _, _, others in mine))
        self._add_sets(uses, dict.fromkeys(blocks for _, blocks, _ in mine))
        of = self._set_ids
        rows = sorted((test_ids[key], of[blocks], of[others]) for key, blocks, others in mine)
        insert = "INSERT INTO run_uses VALUES (?, ?)"
        self._connection.execute(insert, (run_id, pack_run(rows)))

    def _add_modules(self, modules: Iterable[ModuleLevel]) -> None:
        for digest, statements in modules:
            key = (bytes.fromhex(digest),)
            query = "SELECT 1 FROM module_level WHERE digest = ?"
            if self._connection.execute(query, key).fetchone() is None:
                row = (*key, pack_statements(statements))
                self._connection.execute("INSERT INTO module_level VALUES (?, ?)", row)

    def _add_sets(self, uses: RunUses, numbers: Iterable[int]) -> None:
        """Store some sets of the source, unless they are stored."""
        wanted = {each: list(uses.sets[each]) for each in numbers if each not in self._set_ids}
        self._add_dependencies(uses, set().union(*wanted.values()))
        own_id = self._ids.__getitem__
        packed = {each: pack_members(sorted(map(own_id, wanted[each]))) for each in wanted}
        self._set_ids.update(set_ids(self._connection, packed))

    def _add_dependencies(self, uses: RunUses, numbers: set[int]) -> None:
        """Store some dependencies of the source, unless they are stored."""
        wanted = {each: divided(uses.dependencies[each]) for each in numbers - self._ids.keys()}
        found = dependency_ids(self._connection, wanted.values())
        self._ids.update((number, found[each]) for number, each in wanted.items())


def set_ids(
    connection: sqlite3.Connection, packed: Mapping[int, bytes]
) -> Iterator[tuple[int, int]]:
    """Yield the number and the id of each packed set; new sets are stored, in the given order."""
    fresh: dict[int, list[int]] = {}
    sets: list[bytes] = []
    for number, each in packed.items():
        found = hash_of(each)
        if found in fresh:
            fresh[found].append(number)
            continue
        query = "SELECT set_id FROM set_index WHERE hash = ?"
        row = connection.execute(query, (found,)).fetchone()
        if row is not None:
            yield number, row[0]
        else:
            fresh[found] = [number]
            sets.append(each)
    ids = store_sets(connection, sets)
    for numbers, set_id in zip(fresh.values(), ids, strict=True):
        yield from ((number, set_id) for number in numbers)
    connection.executemany("INSERT INTO set_index VALUES (?, ?)", zip(fresh, ids, strict=True))


def store_sets(connection: sqlite3.Connection, sets: Iterable[bytes]) -> list[int]:
    """Store packed sets in new packs; return their ids, in order."""
    query = "SELECT coalesce(max(pack_id), 0) FROM set_pack"
    (last,) = connection.execute(query).fetchone()
    ids: list[int] = []
    for pack_id, portion in enumerate(portions(sets), last + 1):
        insert = "INSERT INTO set_pack VALUES (?, ?)"
        connection.execute(insert, (pack_id, pack_sets(portion)))
        ids.extend(pack_id * SETS_PER_PACK + place for place in range(len(portion)))
    return ids


def hash_of(packed: bytes) -> int:
    """Return 63 bits of a digest over a packed set."""
    return int.from_bytes(sha256(packed).digest()[:8], "big") >> 1


def dependency_ids(connection: sqlite3.Connection, wanted: Iterable[_Stored]) -> dict[_Stored, int]:
    """Return the ids of dependencies; new ones are stored, with functions of a file side by side.

    Args:
        connection: of the history.
        wanted: path, kind, name and digest of each.
    """
    paths = _path_ids(connection, wanted := list(wanted))
    rows = {each: (paths[each[0]], *each[1:]) for each in wanted}
    known = _known(connection, rows.values())
    new = sorted((each for each in rows if rows[each] not in known), key=place_of)
    (last,) = connection.execute(
        "SELECT coalesce(max(dependency_id), 0) FROM dependency"
    ).fetchone()
    added = [(*rows[each], number) for number, each in enumerate(new, last + 1)]
    connection.executemany("INSERT INTO dependency VALUES (?, ?, ?, ?, ?)", sorted(added))
    known.update((row[:4], row[4]) for row in added)
    return {each: known[row] for each, row in rows.items()}


def place_of(dependency: _Stored) -> tuple[bool, str, int, str, bytes]:
    """Return the sort key by which new dependencies get ids: functions first, file by file."""
    path, kind, name, digest = dependency
    return kind > 0, path, kind, name, digest


def _known(
    connection: sqlite3.Connection, rows: Iterable[tuple[Any, ...]]
) -> dict[tuple[Any, ...], int]:
    wanted = list(rows)
    (n_stored,) = connection.execute("SELECT count(*) FROM dependency").fetchone()
    if len(wanted) * _FEW > n_stored:
        return {row[:4]: row[4] for row in connection.execute(_ALL)}
    found = ((each, connection.execute(_ONE, each).fetchone()) for each in wanted)
    return {each: row[0] for each, row in found if row is not None}


def _path_ids(connection: sqlite3.Connection, wanted: Iterable[_Stored]) -> dict[str, int]:
    known = dict(connection.execute("SELECT path, path_id FROM used_path"))
    new = sorted({each[0] for each in wanted} - known.keys())
    last = max(known.values(), default=0)
    added = {path: number for number, path in enumerate(new, last + 1)}
    connection.executemany(
        "INSERT INTO used_path VALUES (?, ?)", ((number, path) for path, number in added.items())
    )
    return known | added
