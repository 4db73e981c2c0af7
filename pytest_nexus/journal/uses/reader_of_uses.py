"""Collect the lines of a journal about dependencies, which are untrusted input."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.dependencies import Dependency, ModuleLevel, SessionUses, TestUses
from pytest_nexus.domain.records import TestKey
from pytest_nexus.journal.uses.dependency_lines import (
    KINDS_OF_USES,
    MAX_DEPENDENCIES,
    MAX_MEMBERS,
    MAX_SETS,
    MAX_STATEMENTS,
    MAX_TESTS,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_KINDS: Final = {kind.name: kind for kind in KINDS_OF_USES}


class UsesReader:
    """Takes the lines one by one; what a wrong or lost line holds, or needs, stays unknown."""

    def __init__(self) -> None:
        self._dependencies: list[Dependency] = []
        self._sets: list[tuple[int, ...]] = []
        self._tests: list[TestUses] = []
        self._modules: dict[str, tuple[int, list[tuple[str, str]]]] = {}
        self._numbers: list[int] = []
        """The indices of the dependencies, as objects that all sets share."""
        self._room = MAX_MEMBERS
        self._room_of_statements = MAX_STATEMENTS
        self._add: Mapping[str, Callable[[dict[str, Any]], None]] = {
            "dependencies": self._add_dependencies,
            "sets": self._add_sets,
            "uses": self._add_tests,
            "module_level": self._add_statements,
        }

    def take(self, record: dict[str, Any]) -> None:
        """Add a line of one of the four kinds.

        Raises:
            Exception: one of `WRONG`: a value is invalid, missing, or refers to a lost line.
        """
        kind = record["kind"]
        self._add[kind](_KINDS[kind].read(record))

    def uses(self) -> SessionUses:
        """Return what all lines say; files with lost statements are left out."""
        return SessionUses(
            tuple(self._dependencies),
            tuple(self._sets),
            tuple(self._tests),
            tuple(
                ModuleLevel(digest, tuple(statements))
                for digest, (count, statements) in self._modules.items()
                if len(statements) == count
            ),
        )

    def _add_dependencies(self, found: dict[str, Any]) -> None:
        added = found["list"]
        self._check(found["first"], len(self._dependencies), len(added), MAX_DEPENDENCIES)
        kind = found["of"]
        if kind == "block" and not all(all(name.partition("::")) for name, _ in added):
            raise ValueError("a block is named by its file, two colons and its name")
        self._dependencies.extend(Dependency(kind, name, digest) for name, digest in added)
        self._numbers.extend(range(len(self._numbers), len(self._dependencies)))

    def _add_sets(self, found: dict[str, Any]) -> None:
        added = found["list"]
        self._check(found["first"], len(self._sets), len(added), MAX_SETS)
        self._spend(sum(map(len, added)))
        number = self._numbers.__getitem__
        self._sets.extend([tuple(map(number, accumulate(gaps))) for gaps in added])

    def _add_tests(self, found: dict[str, Any]) -> None:
        added = found["list"]
        self._check(len(self._tests), len(self._tests), len(added), MAX_TESTS)
        self._spend(sum(len(sets) for _, sets, _ in added))
        known = range(len(self._sets))
        if not all(each in known for _, sets, _ in added for each in sets):
            raise ValueError("a test used a set that is not known")
        self._tests.extend(TestUses(TestKey(key), sets, obstacle) for key, sets, obstacle in added)

    def _add_statements(self, found: dict[str, Any]) -> None:
        added, digest = found["list"], found["digest"]
        self._room_of_statements -= len(added)
        if self._room_of_statements < 0:
            raise ValueError("more statements than a journal may hold")
        count, statements = self._modules.get(digest, (found["count"], []))
        if count != found["count"] or found["first"] != len(statements):
            raise ValueError("statements of this file are lost")
        if len(statements) + len(added) > count:
            raise ValueError("more statements than the file has")
        statements.extend(added)
        self._modules[digest] = (count, statements)

    def _spend(self, n_members: int) -> None:
        self._room -= n_members
        if self._room < 0:
            raise ValueError("more members of sets than a journal may hold")

    @staticmethod
    def _check(first: int, known: int, added: int, most: int) -> None:
        if first != known:
            raise ValueError("a line before this one is lost")
        if known + added > most:
            raise ValueError(f"more than {most:,} values")
