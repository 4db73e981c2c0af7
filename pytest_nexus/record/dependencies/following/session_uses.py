"""Combine what one process tracked into `SessionUses`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from pytest_nexus.domain.dependencies import Dependency, SessionUses, TestUses
from pytest_nexus.domain.system.originals import identity_of
from pytest_nexus.record.dependencies.watching.scopes import Uses

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_nexus.domain.dependencies import DependencyKind
    from pytest_nexus.domain.records import TestKey
    from pytest_nexus.impact.current_contents import CurrentContents
    from pytest_nexus.record.dependencies.following.reach import Reach, Reached
    from pytest_nexus.record.dependencies.watching.scopes import Scope
    from pytest_nexus.record.dependencies.watching.tracker import Tracker


_LINKS: Final = Uses._fields.index("links")
_UNSEEN: Final = -2
_UNKNOWN: Final = -1


class UsesBuilder:
    """Numbers dependencies and sets of them.

    Args:
        tracker: has stopped.
        contents: gives digests.
    """

    def __init__(self, tracker: Tracker, contents: CurrentContents) -> None:
        self._index = tracker.index
        self._opened = tracker.opened.digests
        self._contents = contents
        self._names = tracker.index.names
        self._numbers: dict[str, dict[Any, int]] = {}
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
        members, obstacle = self._members("block", reached.blocks, self._names)
        for kind, names in (
            ("module", reached.files),
            ("file", reached.data),
            ("folder", reached.folders),
            ("variable", reached.variables),
            ("distribution", reached.distributions),
            ("session", facts),
        ):
            more, hindered = self._members(cast("DependencyKind", kind), names)
            members += more
            obstacle = obstacle or hindered
        key = tuple(sorted(members))
        return self._sets.setdefault(key, len(self._sets)), reached.obstacle or obstacle

    def _members(
        self, kind: DependencyKind, keys: Iterable[Any], names: Sequence[str] | None = None
    ) -> tuple[list[int], str]:
        """Return the numbers of dependencies of one kind, and why one of them is not known.

        Args:
            kind: of the dependencies.
            keys: their names, or indices in `names`.
            names: of all blocks.
        """
        known = self._numbers.setdefault(kind, {})
        found = [known.get(key, _UNSEEN) for key in keys]
        if not found or min(found) >= 0:
            return found, ""
        obstacle = ""
        for key in keys:
            if known.get(key, _UNSEEN) < 0:
                name = key if names is None else names[key]
                known[key] = self._number(kind, name)
                obstacle = obstacle or self._obstacles.get((kind, name), "")
        return [number for key in keys if (number := known[key]) >= 0], obstacle

    def add_test(self, key: TestKey, sets: Sequence[int], obstacle: str) -> None:
        """Add what a test used."""
        self._tests.append(TestUses(key, tuple(sorted(set(sets))), obstacle))

    def build(self) -> SessionUses:
        """Return everything that was added."""
        return SessionUses(tuple(self._dependencies), tuple(self._sets), tuple(self._tests))

    def _number(self, kind: DependencyKind, name: str) -> int:
        """Return the number of a dependency; `_UNKNOWN` if its content is not known."""
        if (kind, name) in self._obstacles:
            return _UNKNOWN
        digest = self._contents.digest(Dependency(kind, name, ""))
        reason = self._reason_against(kind, name, digest)
        if reason or digest is None:
            self._obstacles[kind, name] = reason
            return _UNKNOWN
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
        if kind == "file" and self._opened.get(name, digest) != digest:
            return f"{name} changed during the run"
        return ""


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
        self._owns: dict[tuple[Any, ...], tuple[tuple[int, str], tuple[Scope, ...]]] = {}
        number, self._obstacle = builder.set_of(self._base)
        self._sets = [number]
        collected = around.collected.get(path)
        if collected is not None:
            number, obstacle = self._of_scope(collected)
            self._sets.append(number)
            self._obstacle = self._obstacle or obstacle

    def of_test(self, uses: Sequence[Uses]) -> tuple[list[int], str]:
        """Return the sets of a test with these attempts, and why its result cannot be reused."""
        own, linked = self._own(uses)
        sets, obstacle = [*self._sets, own[0]], self._obstacle or own[1]
        for scope in linked:
            number, hindered = self._of_scope(scope)
            sets.append(number)
            obstacle = obstacle or hindered
        return sets, obstacle

    def _own(self, uses: Sequence[Uses]) -> tuple[tuple[int, str], tuple[Scope, ...]]:
        """Return the set of a test alone, and the scopes on which it depends besides."""
        same = tuple((one.blocks.tobytes(), *one[1:_LINKS], one.obstacle) for one in uses)
        if same not in self._owns:
            alone = [one._replace(links=()) for one in uses]
            reached, linked = self._reach.of_uses(alone, self._base)
            self._owns[same] = self._builder.set_of(reached), linked
        found, linked = self._owns[same]
        fixtures = (one for each in uses for one in each.links)
        return found, tuple({identity_of(one): one for one in (*linked, *fixtures)}.values())

    def _of_scope(self, scope: Scope) -> tuple[int, str]:
        if identity_of(scope) not in self._shared:
            self._shared[identity_of(scope)] = self._builder.set_of(
                self._reach.of_scope(scope, self._base)
            )
        return self._shared[identity_of(scope)]


def as_plain(uses: SessionUses) -> Any:
    """Return plain lists that a worker can send."""
    return [
        [list(one) for one in uses.dependencies],
        [list(one) for one in uses.sets],
        [[one.key, list(one.sets), one.obstacle] for one in uses.tests],
    ]


def combined(parts: Iterable[Any]) -> SessionUses:
    """Return the union of what several workers sent.

    A test of which several workers ran attempts used what any of its attempts used.
    """
    dependencies: dict[Dependency, int] = {}
    sets: dict[tuple[int, ...], int] = {}
    tests: dict[TestKey, TestUses] = {}
    for sent_dependencies, sent_sets, sent_tests in parts:
        places = [
            dependencies.setdefault(Dependency(*one), len(dependencies))
            for one in sent_dependencies
        ]
        numbers = [
            sets.setdefault(tuple(sorted(places[one] for one in members)), len(sets))
            for members in sent_sets
        ]
        for key, used, obstacle in sent_tests:
            before = tests.get(key)
            known = before.sets if before else ()
            both = tuple(sorted({*known, *(numbers[one] for one in used)}))
            tests[key] = TestUses(key, both, (before.obstacle if before else "") or obstacle)
    return SessionUses(tuple(dependencies), tuple(sets), tuple(tests.values()))
