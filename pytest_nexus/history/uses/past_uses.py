"""What was known of the uses of tests before each run, while runs are replayed in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.dependencies import PlainFunctions
from pytest_nexus.domain.records import TestKey
from pytest_nexus.history.state.fingerprints import Known, fold_run, has_uses
from pytest_nexus.history.uses.packing import run_of
from pytest_nexus.history.uses.reading import SetReader, read_dependencies

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Mapping

    from pytest_nexus.domain.dependencies import Dependency, FunctionSet

_PACKS: Final = "SELECT pack_id, sets FROM set_pack"
_RUN: Final = "SELECT tests FROM run_uses WHERE run_id = ?"


class UsesBefore(NamedTuple):
    """What was known before a run, and which functions the run itself executed."""

    dependencies: Mapping[int, Dependency]
    sets: Mapping[TestKey, list[FunctionSet]]
    """The functions that each test executed when it passed before this run, the newest set first.
    Only sets that the Python of this run recorded; equal sets are one object."""
    present: Mapping[str, str]
    """Digest of each function that any test executed in this run, by name."""


class PastUses:
    """Keeps the fingerprints as the fold knew them; call `add` with each run in order.

    Args:
        connection: of the history.
        keys: of the tests, by id.
    """

    def __init__(self, connection: sqlite3.Connection, keys: Mapping[int, str]) -> None:
        self._connection = connection
        self._keys = keys
        self._is_tracked = has_uses(connection)
        packs = dict(connection.execute(_PACKS)) if self._is_tracked else {}
        self._reader = SetReader(packs)
        self._dependencies = read_dependencies(connection) if packs else {}
        self._known: Known = {}
        self._sets: dict[int, PlainFunctions] = {}
        self._pythons_of: dict[int, frozenset[str]] = {}

    def add(self, run_id: int) -> None:
        """Fold one more run."""
        if self._is_tracked:
            fold_run(self._connection, self._known, run_id)

    def before(self, run_id: int) -> UsesBefore | None:
        """Return what was known before a run that is not added yet; None for an untracked run.

        The contents at the time of the run are those that the run recorded. A function that no test
        executed in the run counts as unchanged: nothing recorded its content.

        Raises:
            Exception: `ValueError` or `LookupError`: a set or a dependency is missing or damaged.
        """
        row = self._connection.execute(_RUN, (run_id,)).fetchone()
        if row is None:
            return None
        executed: set[int] = set()
        pythons: set[str] = set()
        for pair in {(functions, others) for _, functions, others in run_of(row[0])}:
            executed |= self._set(pair[0])
            pythons |= self._pythons(pair[1])
        sets: dict[TestKey, list[FunctionSet]] = {}
        for test_id, kept in self._known.items():
            own: list[FunctionSet] = [
                self._set(each.functions) for each in kept if self._pythons(each.others) <= pythons
            ]
            if own:
                sets[TestKey(self._keys[test_id])] = own
        functions = (self._dependencies[number] for number in executed)
        return UsesBefore(self._dependencies, sets, {each.name: each.digest for each in functions})

    def unaffected(self, run_id: int, paths: Collection[str]) -> frozenset[TestKey] | None:
        """Return the tests that had passed with all that they use as it was in a run.

        The contents at the time of the run are those that the run recorded. What it did not record
        counts as unchanged, unless it is in one of the changed files. A changed module counts as a
        whole, as in a session.

        Args:
            run_id: a run that is not added yet.
            paths: the changed files of the run.

        Returns:
            None for an untracked run.

        Raises:
            Exception: `ValueError` or `LookupError`: a set or a dependency is missing or damaged.
        """
        row = self._connection.execute(_RUN, (run_id,)).fetchone()
        if row is None:
            return None
        recorded: set[int] = set()
        for number in {each for _, *pair in run_of(row[0]) for each in pair}:
            recorded |= self._set(number)
        seen = {self._dependencies[number][:2] for number in recorded}
        changed = frozenset(
            number
            for number, each in self._dependencies.items()
            if number not in recorded
            and (each[:2] in seen or each.name.partition("::")[0] in paths)
        )
        sets = {each for kept in self._known.values() for one in kept for each in one[:2]}
        same = {each for each in sets if self._set(each).isdisjoint(changed)}
        return frozenset(
            TestKey(self._keys[test_id])
            for test_id, kept in self._known.items()
            if any(one.functions in same and one.others in same for one in kept)
        )

    def _set(self, set_id: int) -> PlainFunctions:
        if set_id not in self._sets:
            found = PlainFunctions(self._reader[set_id])
            if not found <= self._dependencies.keys():
                raise LookupError(f"set {set_id} names a dependency that is missing")
            self._sets[set_id] = found
        return self._sets[set_id]

    def _pythons(self, others: int) -> frozenset[str]:
        if others not in self._pythons_of:
            facts = (self._dependencies[number] for number in self._set(others))
            self._pythons_of[others] = frozenset(
                each.digest for each in facts if each.kind == "session" and each.name == "python"
            )
        return self._pythons_of[others]
