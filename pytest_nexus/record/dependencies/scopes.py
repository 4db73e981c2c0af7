"""What ran between two moments of a session: of a test, a fixture, an import, the collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Scope:
    """Collects what is used while it is the innermost scope.

    Args:
        keeps_imports: whether what runs during an import counts for this scope too.
    """

    __slots__ = (
        "blocks",
        "files",
        "folders",
        "keeps_imports",
        "links",
        "modules",
        "obstacle",
        "variables",
    )

    def __init__(self, *, keeps_imports: bool = True) -> None:
        self.keeps_imports = keeps_imports
        self.blocks: set[str] = set()
        """Names of executed blocks, `src/a.py::Class.method`."""
        self.modules: set[str] = set()
        """Files whose module level was executed or is needed."""
        self.files: set[str] = set()
        """Data files that were opened."""
        self.folders: set[str] = set()
        """Folders that were listed."""
        self.variables: set[str] = set()
        """Names of variables of the environment that were read; `*` for all."""
        self.links: set[Scope] = set()
        """Scopes whose uses count for this scope too, such as those of fixtures."""
        self.obstacle = ""
        """Why the result cannot be reused, as a clause; empty if nothing is unknown."""

    def hinder(self, obstacle: str) -> None:
        """Note the first reason why the result cannot be reused."""
        if not self.obstacle:
            self.obstacle = obstacle

    def reached(self) -> Iterator[Scope]:
        """Yield this scope and all scopes linked to it, each once."""
        seen = {self}
        waiting = [self]
        while waiting:
            scope = waiting.pop()
            yield scope
            for linked in scope.links:
                if linked not in seen:
                    seen.add(linked)
                    waiting.append(linked)
