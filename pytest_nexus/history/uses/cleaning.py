"""Write the dependencies that are still needed again: into a slim copy, or after runs were removed.

Ids are given again in a compact order, so that the sets take little space.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.history.uses.packing import pack_members, pack_run, run_of
from pytest_nexus.history.uses.reading import SetReader, divided, read_dependencies
from pytest_nexus.history.uses.storing import (
    dependency_ids,
    hash_of,
    place_of,
    store_sets,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

_BY_KEY: Final = """
    SELECT {column} FROM fingerprint JOIN test USING (test_id) ORDER BY key, place
"""
_FINGERPRINTS: Final = "SELECT * FROM fingerprint ORDER BY test_id, place"
_LEVELS: Final = """
    SELECT digest, statements FROM module_level
    WHERE digest IN (SELECT digest FROM dependency WHERE kind = 1) ORDER BY digest
"""
_REPLACED: Final = ("dependency", "used_path", "set_pack", "set_index", "run_uses", "module_level")


def copy_uses(source: sqlite3.Connection, copy: sqlite3.Connection) -> None:
    """Fill a slim copy with the fingerprints, and with what they need. Its tables are empty."""
    columns = ("others", "functions")  # similar sets side by side
    order = [
        each for column in columns for (each,) in source.execute(_BY_KEY.format(column=column))
    ]
    ids = _written(source, copy, list(dict.fromkeys(order)), with_index=False)
    copy.executemany(
        "INSERT INTO fingerprint VALUES (?, ?, ?, ?, ?)",
        (
            (test_id, place, ids[functions], ids[others], run_id)
            for test_id, place, functions, others, run_id in source.execute(_FINGERPRINTS)
        ),
    )


def drop_unused(connection: sqlite3.Connection) -> None:
    """Delete what no run refers to. Called inside a transaction, before states are rebuilt."""
    runs = connection.execute("SELECT run_id, tests FROM run_uses ORDER BY run_id").fetchall()
    if not runs and connection.execute("SELECT 1 FROM dependency LIMIT 1").fetchone() is None:
        return
    ids = _written(connection, connection, _sets_of_runs(runs), with_index=True)
    for run_id, blob in runs:
        tests = [(test_id, ids[blocks], ids[others]) for test_id, blocks, others in run_of(blob)]
        connection.execute("INSERT INTO run_uses VALUES (?, ?)", (run_id, pack_run(tests)))
    connection.execute("DELETE FROM fingerprint")


def _sets_of_runs(runs: Iterable[tuple[int, bytes]]) -> list[int]:
    """Return the sets that runs refer to, those of everything else first, in the order of use."""
    uses = [list(run_of(blob)) for _, blob in runs]
    sides = [{each[side]: None for rows in uses for each in rows} for side in (2, 1)]
    return list(sides[0] | sides[1])


def _written(
    source: sqlite3.Connection, target: sqlite3.Connection, sets: list[int], *, with_index: bool
) -> dict[int, int]:
    """Write some sets, with their dependencies and module levels; return their ids by old id.

    The target may be the source, whose rows are then replaced.
    """
    reader = SetReader.of(source, sets)
    dependencies = read_dependencies(source)
    used: set[int] = set()
    for each in sets:
        used.update(reader[each])
    stored = {number: divided(dependencies[number]) for number in used}
    levels = source.execute(_LEVELS).fetchall()
    if target is source:
        for table in _REPLACED:
            target.execute(f"DELETE FROM {table}")  # noqa: S608 - ours
    found = dependency_ids(target, sorted(stored.values(), key=place_of))
    ids = {number: found[each] for number, each in stored.items()}
    packed = [pack_members(sorted(map(ids.__getitem__, reader[each]))) for each in sets]
    written = store_sets(target, packed)
    if with_index:
        target.executemany(
            "INSERT INTO set_index VALUES (?, ?)",
            zip(map(hash_of, packed), written, strict=True),
        )
    modules = {each[3] for each in stored.values() if each[1] == 1}
    target.executemany(
        "INSERT INTO module_level VALUES (?, ?)", (row for row in levels if row[0] in modules)
    )
    return dict(zip(sets, written, strict=True))
