"""Combine what one process tracked into `SessionUses`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pytest_nexus.domain.dependencies import Dependency, SessionUses, TestUses

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_nexus.domain.dependencies import DependencyKind
    from pytest_nexus.domain.records import TestKey
    from pytest_nexus.impact.current_contents import CurrentContents
    from pytest_nexus.record.dependencies.reach import Reach, Reached
    from pytest_nexus.record.dependencies.scopes import Scope, Uses
    from pytest_nexus.record.dependencies.tracker import Tracker


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

    def set_of(
        self, reached: Reached, facts: Iterable[str] = (), without: Iterable[int] = ()
    ) -> tuple[int, str]:
        """Return the number of a set, and why what depends on the set cannot be reused.

        Args:
            reached: what is in the set.
            facts: names of facts of the session that are in the set too.
            without: numbers of dependencies to leave out.
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
        members.difference_update(without)
        key = tuple(sorted(members))
        return self._sets.setdefault(key, len(self._sets)), obstacle

    def members(self, number: int) -> tuple[int, ...]:
        """Return the members of a set."""
        return list(self._sets)[number]

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
            return os.stat(os.path.join(self._root, name)).st_mtime_ns > self._started_ns  # noqa: PTH116, PTH118 - suites patch pathlib
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


def build_uses(
    tests: TrackedTests,
    reach: Reach,
    builder: UsesBuilder,
    session: Scope,
    chains: dict[str, tuple[frozenset[str], Scope | None]],
    facts: Iterable[str],
    plugins: Iterable[str],
) -> SessionUses:
    """Return what all tests of a process used.

    Each test has the set of the session, that of its file, one for each fixture instance that it
    shares, and its own.

    Args:
        tests: what each attempt used.
        reach: follows uses.
        builder: takes the result.
        session: what ran outside all tests.
        chains: for each file of tests, the files that its tests need anyway (the file, its
            conftest files, plugins of the project), and what ran while it was collected.
        facts: names of facts of the session.
        plugins: distributions of pytest and its plugins.
    """
    common = reach.of_scope(session)
    common = common._replace(distributions=common.distributions | frozenset(plugins))
    session_set, session_obstacle = builder.set_of(common, facts)
    bases: dict[str, tuple[Reached, int, str]] = {}
    shared: dict[tuple[int, str], tuple[int, str]] = {}
    for key, uses in tests.uses.items():
        path = tests.files[key]
        if path not in bases:
            files, collected = chains[path]
            base = reach.of_files(files)
            number, obstacle = builder.set_of(base)
            numbers = [number]
            bases[path] = (base, number, obstacle)
            if collected is not None:
                more, hindered = builder.set_of(reach.of_scope(collected, base))
                numbers.append(more)
                obstacle = obstacle or hindered
            bases[path] = (base, number, obstacle)
            shared[0, path] = (numbers[-1], "")
        base, number, obstacle = bases[path]
        sets = [session_set, number, shared[0, path][0]]
        obstacle = session_obstacle or obstacle
        for scope in {id(one): one for each in uses for one in each.links}.values():
            if (id(scope), path) not in shared:
                shared[id(scope), path] = builder.set_of(reach.of_scope(scope, base))
            found, hindered = shared[id(scope), path]
            sets.append(found)
            obstacle = obstacle or hindered
        own = reach.of_uses([each._replace(links=()) for each in uses], base)
        found, hindered = builder.set_of(own)
        sets.append(found)
        builder.add_test(key, sets, obstacle or hindered)
    return builder.build()


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
