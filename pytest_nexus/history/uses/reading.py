"""Read dependencies and sets of dependencies from a history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.dependencies import Dependency, ModuleLevel
from pytest_nexus.history.uses.packing import SETS_PER_PACK, members_of, sets_of, statements_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_nexus.domain.dependencies import DependencyKind

KINDS: Final[tuple[DependencyKind, ...]] = (
    "block",
    "module",
    "file",
    "folder",
    "variable",
    "distribution",
    "session",
)
"""The kind of a dependency is stored as its place here."""

OF_PATHS: Final = frozenset(KINDS[:4])
"""Kinds whose names begin with a path."""

_DEPENDENCIES: Final = """
    SELECT dependency_id, kind, path, name, lower(hex(digest)) FROM dependency
    JOIN used_path USING (path_id) ORDER BY dependency_id
"""
_LEVELS: Final = "SELECT lower(hex(digest)), statements FROM module_level ORDER BY digest"
_PACK: Final = "SELECT sets FROM set_pack WHERE pack_id = ?"
_CACHE_BYTES: Final = 16 * 1024 * 1024
_new: Final = tuple.__new__
"""Makes a named tuple in a third of the time."""


def divided(dependency: Dependency) -> tuple[str, int, str, bytes]:
    """Return path, kind, name and digest of a dependency, as they are stored."""
    kind, name, digest = dependency
    path = ""
    if kind == "block":
        path, _, name = name.partition("::")
    elif kind in OF_PATHS:
        path, name = name, ""
    return path, KINDS.index(kind), name, bytes.fromhex(digest)


def read_dependencies(connection: sqlite3.Connection) -> dict[int, Dependency]:
    """Return all dependencies by id."""
    found: dict[int, Dependency] = {}
    for number, kind, path, name, digest in connection.execute(_DEPENDENCIES):
        whole = f"{path}::{name}" if kind == 0 else path or name
        found[number] = _new(Dependency, (KINDS[kind], whole, digest))
    return found


def read_modules(connection: sqlite3.Connection) -> Iterator[ModuleLevel]:
    """Yield the statements of all versions of files."""
    for digest, statements in connection.execute(_LEVELS):
        yield ModuleLevel(digest, statements_of(statements))


class SetReader:
    """Decodes sets on access; a few packs stay decompressed.

    Args:
        packs: blobs by pack id.
    """

    def __init__(self, packs: Mapping[int, bytes]) -> None:
        self._packs = packs
        self._open: dict[int, list[bytes]] = {}
        self._room = _CACHE_BYTES

    @classmethod
    def of(cls, connection: sqlite3.Connection, set_ids: Iterable[int]) -> SetReader:
        """Return a reader of some sets, which no longer needs the connection.

        Raises:
            ValueError: a set is missing.
        """
        packs: dict[int, bytes] = {}
        for pack_id in sorted({each // SETS_PER_PACK for each in set_ids}):
            row = connection.execute(_PACK, (pack_id,)).fetchone()
            if row is None:
                raise ValueError(f"no pack {pack_id} of sets")
            packs[pack_id] = row[0]
        return cls(packs)

    def packed(self, set_id: int) -> bytes:
        """Return a set as packed distances.

        Raises:
            Exception: `ValueError` or `LookupError`: the set is missing or damaged.
        """
        pack_id, place = divmod(set_id, SETS_PER_PACK)
        sets = self._open.get(pack_id)
        if sets is None:
            sets = sets_of(self._packs[pack_id])
            self._room -= sum(map(len, sets))
            if self._room < 0:
                self._open.clear()
                self._room = _CACHE_BYTES
            self._open[pack_id] = sets
        return sets[place]

    def __getitem__(self, set_id: int, /) -> Iterator[int]:
        """Return the ids of the dependencies in a set, in ascending order."""
        return members_of(self.packed(set_id))
