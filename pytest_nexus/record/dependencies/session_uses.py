"""Combine what one process tracked into `SessionUses`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_nexus.domain.dependencies import Dependency, SessionUses, TestUses

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_nexus.domain.dependencies import DependencyKind
    from pytest_nexus.domain.records import TestKey
    from pytest_nexus.impact.current_contents import CurrentContents
    from pytest_nexus.record.dependencies.reach import Reach, Reached
    from pytest_nexus.record.dependencies.scopes import Scope, Uses
    from pytest_nexus.record.dependencies.tracker import Tracker


_stat: Final = os.stat  # suites patch pathlib


class UsesBuilder:
    """Numbers dependencies and sets of them.

    Args:
        tracker: has stopped.
        contents: gives digests.
        started_ns: when the session started, by the clock of the file system; in nanoseconds.
    """

    def __init__(self, tracker: Tracker, contents: CurrentContents, started_ns: int) -> None:
        self._index = tracker.index
        self._root = tracker.files.root
        self._contents = contents
        self._started_ns = started_ns
        self._numbers: dict[tuple[str, str], int | None] = {}
        self._dependencies: list[Dependency] = []
        self._sets: dict[tuple[int, ...], int] = {}
        self._obstacles: dict[tuple[str, str], str] = {}
        self._tests: list[TestUses] = []

    def set_of(self, reached: Reached, facts: Iterable[str] = ()) -> tuple[int, str]:
        """Return the number of a set, and why what depends on the set cannot be reused.

        Args:
            reached: what is in the set.
            facts: names of facts of the session that are in the set too.
        """
        names = self._index.names
        wanted: list[tuple[DependencyKind, str]] = [("block", names[one]) for one in reached.blocks]
        wanted += [("module", one) for one in reached.files]
        wanted += [("file", one) for one in reached.data]
        wanted += [("folder", one) for one in reached.folders]
        wanted += [("variable", one) for one in reached.variables]
        wanted += [("distribution", one) for one in reached.distributions]
        wanted += [("session", one) for one in facts]
        obstacle = reached.obstacle
        members: set[int] = set()
        for kind, name in wanted:
            number = self._number(kind, name)
            if number is None:
                obstacle = obstacle or self._obstacles[kind, name]
            else:
                members.add(number)
        key = tuple(sorted(members))
        return self._sets.setdefault(key, len(self._sets)), obstacle

    def add_test(self, key: TestKey, sets: Sequence[int], obstacle: str) -> None:
        """Add what a test used."""
        self._tests.append(TestUses(key, tuple(sorted(set(sets))), obstacle))

    def build(self) -> SessionUses:
        """Return everything that was added."""
        return SessionUses(tuple(self._dependencies), tuple(self._sets), tuple(self._tests))

    def _number(self, kind: DependencyKind, name: str) -> int | None:
        """Return the number of a dependency; None if its content is not known."""
        known = self._numbers.get((kind, name), -1)
        if known != -1:
            return known
        digest = self._contents.digest(Dependency(kind, name, ""))
        reason = self._reason_against(kind, name, digest)
        if reason:
            self._obstacles[kind, name] = reason
            self._numbers[kind, name] = None
            return None
        assert digest is not None
        self._numbers[kind, name] = len(self._dependencies)
        self._dependencies.append(Dependency(kind, name, digest))
        return len(self._dependencies) - 1

    def _reason_against(self, kind: DependencyKind, name: str, digest: str | None) -> str:
        """Return why the digest is not that of what the tests used; empty if all is well."""
        if digest is None:
            return f"the content of {name} cannot be read"
        if kind in ("block", "module"):
            path = name.partition("::")[0]
            if not digest:
                return f"{name} is not in the file that was executed"
            if path in self._index.versions and not self._index.is_unchanged(path):
                return f"{path} changed during the run"
        if kind == "file" and digest and self._is_newer(name):
            return f"{name} changed during the run"
        return ""

    def _is_newer(self, name: str) -> bool:
        try:
            return _stat(f"{self._root}/{name}").st_mtime_ns > self._started_ns
        except (OSError, ValueError):
            return True


class TrackedTests:
    """What each test of a process used, until the end of the session."""

    def __init__(self) -> None:
        self.uses: dict[TestKey, list[Uses]] = {}
        self.files: dict[TestKey, str] = {}
        """The file of each test, relative to the root."""

    def add(self, key: TestKey, path: str, uses: Uses) -> None:
        """Add one attempt of a test."""
        self.uses.setdefault(key, []).append(uses)
        self.files[key] = path


class Surroundings(NamedTuple):
    """What the tests of a process need besides what they use themselves."""

    session: Scope
    """What ran outside all tests."""
    facts: tuple[str, ...]
    """Names of facts of the session."""
    plugins: frozenset[str]
    """Distributions of pytest and its plugins."""
    chains: Mapping[str, frozenset[str]]
    """For each file of tests, the files that its tests need anyway: the file itself, its conftest
    files, plugins of the project."""
    collected: Mapping[str, Scope]
    """What ran while a file of tests was collected."""


def build_uses(
    tests: TrackedTests, reach: Reach, builder: UsesBuilder, around: Surroundings
) -> SessionUses:
    """Return what all tests of a process used.

    Each test has the set of the session, those of its file, one for each shared fixture that it
    has, and its own.
    """
    common = reach.of_scope(around.session)
    common = common._replace(distributions=common.distributions | around.plugins)
    session_set, in_session = builder.set_of(common, around.facts)
    of_files: dict[str, _OfFile] = {}
    for key, uses in tests.uses.items():
        path = tests.files[key]
        if path not in of_files:
            of_files[path] = _OfFile(path, reach, builder, around)
        sets, obstacle = of_files[path].of_test(uses)
        builder.add_test(key, [session_set, *sets], in_session or obstacle)
    return builder.build()


class _OfFile:
    """The sets that tests of one file share."""

    def __init__(self, path: str, reach: Reach, builder: UsesBuilder, around: Surroundings) -> None:
        self._reach = reach
        self._builder = builder
        self._base = reach.of_files(around.chains[path])
        self._shared: dict[int, tuple[int, str]] = {}
        number, self._obstacle = builder.set_of(self._base)
        self._sets = [number]
        collected = around.collected.get(path)
        if collected is not None:
            number, obstacle = self._of_scope(collected)
            self._sets.append(number)
            self._obstacle = self._obstacle or obstacle

    def of_test(self, uses: Sequence[Uses]) -> tuple[list[int], str]:
        """Return the sets of a test with these attempts, and why its result cannot be reused."""
        sets, obstacle = [*self._sets], self._obstacle
        for scope in {id(one): one for each in uses for one in each.links}.values():
            number, hindered = self._of_scope(scope)
            sets.append(number)
            obstacle = obstacle or hindered
        own = self._reach.of_uses([each._replace(links=()) for each in uses], self._base)
        number, hindered = self._builder.set_of(own)
        return [*sets, number], obstacle or hindered

    def _of_scope(self, scope: Scope) -> tuple[int, str]:
        if id(scope) not in self._shared:
            self._shared[id(scope)] = self._builder.set_of(self._reach.of_scope(scope, self._base))
        return self._shared[id(scope)]


def as_plain(uses: SessionUses) -> Any:
    """Return plain lists that a worker can send."""
    return [
        [list(one) for one in uses.dependencies],
        [list(one) for one in uses.sets],
        [[one.key, list(one.sets), one.obstacle] for one in uses.tests],
    ]


def combined(parts: Iterable[Any]) -> SessionUses:
    """Return the union of what several workers sent, in the order given."""
    dependencies: dict[Dependency, int] = {}
    sets: dict[tuple[int, ...], int] = {}
    tests: list[TestUses] = []
    for sent_dependencies, sent_sets, sent_tests in parts:
        places = [
            dependencies.setdefault(Dependency(*one), len(dependencies))
            for one in sent_dependencies
        ]
        numbers = [
            sets.setdefault(tuple(sorted(places[one] for one in members)), len(sets))
            for members in sent_sets
        ]
        tests += [
            TestUses(key, tuple(sorted({numbers[one] for one in used})), obstacle)
            for key, used, obstacle in sent_tests
        ]
    return SessionUses(tuple(dependencies), tuple(sets), tuple(tests))
