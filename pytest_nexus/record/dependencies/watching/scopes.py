"""What ran between two moments of a session: of a test, a fixture, an import, the collection."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from types import FrameType

    from pytest_nexus.record.dependencies.watching.code_index import CodeIndex
    from pytest_nexus.record.dependencies.watching.project_files import ProjectFiles


class Scope:
    """Collects what is used while it is the innermost scope.

    Args:
        keeps_imports: whether what runs during an import counts for this scope too.
    """

    __slots__ = (
        "blocks",
        "distributions",
        "files",
        "folders",
        "imports",
        "keeps_imports",
        "links",
        "modules",
        "obstacle",
        "variables",
    )

    def __init__(self, *, keeps_imports: bool = True) -> None:
        self.keeps_imports = keeps_imports
        self.blocks: set[int] = set()
        """Numbers of executed blocks, as in `CodeIndex.names`."""
        self.modules: set[str] = set()
        """Files whose module level was executed."""
        self.files: set[str] = set()
        """Data files that were opened."""
        self.folders: set[str] = set()
        """Folders that were listed."""
        self.imports: set[str] = set()
        """Names of modules that were imported by name, at a call."""
        self.variables: set[str] = set()
        """Names of variables of the environment that were read; `*` for all."""
        self.distributions: set[str] = set()
        """Distributions that processes used; those of this process follow from its imports."""
        self.links: set[Scope] = set()
        """Scopes whose uses count for this scope too, such as those of fixtures."""
        self.obstacle = ""
        """Why the result cannot be reused, as a clause; empty if nothing is unknown."""

    def hinder(self, obstacle: str) -> None:
        """Note the first reason why the result cannot be reused."""
        if not self.obstacle:
            self.obstacle = obstacle

    def seal(self) -> Uses:
        """Return what was used so far, in little memory."""
        return Uses(
            array("I", sorted(self.blocks)),
            tuple(sorted(self.modules)),
            tuple(sorted(self.files)),
            tuple(sorted(self.folders)),
            tuple(sorted(self.imports)),
            tuple(sorted(self.variables)),
            tuple(sorted(self.distributions)),
            tuple(self.links),
            self.obstacle,
        )


class Uses(NamedTuple):
    """What was used in a scope that has ended; the fields are those of `Scope`."""

    blocks: array[int]
    modules: tuple[str, ...]
    files: tuple[str, ...]
    folders: tuple[str, ...]
    imports: tuple[str, ...]
    variables: tuple[str, ...]
    distributions: tuple[str, ...]
    links: tuple[Scope, ...]
    obstacle: str


class Scopes(Protocol):
    """Knows the scopes to which what happens now belongs."""

    @property
    def files(self) -> ProjectFiles:
        """Return what tells which files are the project's."""
        ...

    @property
    def index(self) -> CodeIndex:
        """Return what knows the blocks."""
        ...

    def push(self, scope: Scope) -> None:
        """Make a scope the innermost."""

    def pop(self, scope: Scope) -> None:
        """End a scope, and every scope in it."""

    @property
    def scope(self) -> Scope:
        """Return the innermost scope."""
        ...

    @property
    def session(self) -> Scope:
        """Return the scope of the session, on which every test depends."""
        ...

    def target(self, frame: FrameType | None, /) -> list[Scope]:
        """Return the scopes to which what a frame does belongs."""
        ...
