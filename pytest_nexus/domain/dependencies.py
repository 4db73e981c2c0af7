"""The things that tests used, as the layers exchange them. All values are immutable plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from pytest_nexus.domain.records import TestKey

DependencyKind = Literal["block", "module", "file", "folder", "variable", "distribution", "session"]


class Dependency(NamedTuple):
    """One thing that a test used, with the content that it had."""

    kind: DependencyKind
    name: str
    """Paths are relative to the root, with `/`.

    - `block`: a function, `src/pkg/a.py::Class.method`; `#2` follows the second function of that
      name in the file, `#3` the third. Nested functions belong to the outermost function.
    - `module`: everything in a Python file that runs at import, `src/pkg/a.py`.
    - `file`: a data file.
    - `folder`: the names in a folder that was listed.
    - `variable`: a variable of the environment; `*` for all of them.
    - `distribution`: an installed distribution by its normalised name.
    - `session`: a fact of the whole session: `python`, `platform`, `settings`.
    """
    digest: str
    """16 hexadecimal digits over the content; empty if there was none: a file that did not exist,
    a variable that was not set."""


class ModuleLevel(NamedTuple):
    """The statements of one version of a file that run at import."""

    digest: str
    """As in the dependency of kind `module`."""
    statements: tuple[tuple[str, str], ...]
    """The name that each statement binds (empty if it does more than bind one name), and a digest
    of its text, in the order of the file. Methods are named `Class.method`."""


@dataclass(frozen=True, slots=True)
class TestUses:
    """What one test used in one session."""

    __test__ = False  # pytest collects classes by their name

    key: TestKey
    sets: tuple[int, ...]
    """Indices in `SessionUses.sets`; the test used all members of all of them."""
    obstacle: str = ""
    """Why the result cannot be reused, as a clause: `it opens a network connection`. Empty if
    everything is known."""


class SessionUses(NamedTuple):
    """What the tests of one session used."""

    dependencies: tuple[Dependency, ...] = ()
    sets: tuple[tuple[int, ...], ...] = ()
    """Sets of dependencies: ascending indices in `dependencies`."""
    tests: tuple[TestUses, ...] = ()
    modules: tuple[ModuleLevel, ...] = ()


@runtime_checkable
class FunctionSet(Protocol):
    """The functions that a test executed, by the ids of their dependencies."""

    def functions_among(self, wanted: frozenset[int], /) -> tuple[int, frozenset[int]]:
        """Return the number of functions, and the functions that are wanted."""


class PlainFunctions(frozenset[int]):
    """A function set in memory."""

    __slots__ = ()

    def functions_among(self, wanted: frozenset[int], /) -> tuple[int, frozenset[int]]:
        """Return the number of functions, and the functions that are wanted."""
        return len(self), wanted & self


class Fingerprint(NamedTuple):
    """A set of dependencies with which a test passed, as the history knows it."""

    members: AbstractSet[int]
    """Ids of dependencies in the history. Fingerprints with the same members share one object. A
    history decodes the set on each access: use `&` and `isdisjoint`, and keep what is needed
    twice."""
    run_uid: str
    """The newest run in which the test passed with these dependencies."""
    commit: str | None
    """The commit of that run, whose files may have differed from it."""
    at: float
    """Start of that run; seconds since the epoch."""


class KnownUses(NamedTuple):
    """What a history knows about the dependencies of tests."""

    dependencies: dict[int, Dependency]
    """By id."""
    fingerprints: Mapping[TestKey, tuple[Fingerprint, ...]]
    """The fingerprints of each test, the newest first; a few for each test. Tests that failed with
    a fingerprint later than they passed with the same do not have that fingerprint."""
    modules: dict[str, ModuleLevel]
    """By digest."""
