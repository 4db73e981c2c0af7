"""Read the uses of whole runs for a merge and for a check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.history.sqlite.untrusted import odd_table
from pytest_nexus.history.sqlite.uses_tables import TABLES_OF_USES
from pytest_nexus.history.uses.packing import run_of
from pytest_nexus.history.uses.reading import SetReader, read_dependencies, read_modules
from pytest_nexus.history.uses.run_uses import RunUses

if TYPE_CHECKING:
    import sqlite3

_USES: Final = "SELECT tests FROM run_uses WHERE run_id = ?"
_SETS: Final = "SELECT functions, others FROM fingerprint"


class StoredUses:
    """The uses of the runs of a history; all runs share their sets."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        packs = dict(connection.execute("SELECT pack_id, sets FROM set_pack"))
        self._sets = SetReader(packs)
        self._dependencies = read_dependencies(connection) if packs else {}
        self._modules = tuple(read_modules(connection)) if packs else ()
        self._keys = dict(connection.execute("SELECT test_id, key FROM test")) if packs else {}

    def of_run(self, run_id: int) -> RunUses | None:
        """Return what the tests of a run used; None if that is unknown."""
        row = self._connection.execute(_USES, (run_id,)).fetchone()
        if row is None:
            return None
        tests = [(self._keys[test_id], *sets) for test_id, *sets in run_of(row[0])]
        return RunUses(self._dependencies, self._sets, tests, self._modules)


def problems_of_uses(connection: sqlite3.Connection) -> list[str]:
    """Return one sentence if a set or a dependency is missing or damaged."""
    blobs = connection.execute("SELECT tests FROM run_uses")
    try:
        sets = {each for (blob,) in blobs for _, *two in run_of(blob) for each in two}
        sets.update(each for row in connection.execute(_SETS) for each in row)
        reader = SetReader.of(connection, sets)
        known = read_dependencies(connection).keys()
        is_sound = not odd_table(connection, TABLES_OF_USES) and all(read_modules(connection))
        if is_sound and all(known >= set(reader[each]) for each in sets):
            return []
    except (ValueError, LookupError, TypeError):
        pass
    return ["what is known of dependencies is damaged; delete the history or pull it again"]
