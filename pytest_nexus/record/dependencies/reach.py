"""Follow what a scope used to everything on which its result depends.

A block needs its file. A file needs the files that it imports, and what ran while it was imported.
A block that imports needs these files, also if another block paid for the import. A block that
names what a cached function left needs what ran inside that function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.impact.code_blocks import MODULE_LEVEL
from pytest_nexus.record.dependencies.cached_results import names_in
from pytest_nexus.record.dependencies.imported import Needed, union

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_nexus.impact.code_blocks import FileBlocks
    from pytest_nexus.record.dependencies.imported import Imported
    from pytest_nexus.record.dependencies.scopes import Scope, Uses
    from pytest_nexus.record.dependencies.tracker import Tracker

_DYNAMIC: Final = frozenset(
    {"import_module", "__import__", "entry_points", "iter_modules", "walk_packages", "find_spec"}
)
"""A block that names one of these may import any module of the project that is there."""


class Reached(NamedTuple):
    """Everything on which something depends."""

    blocks: frozenset[int]
    files: frozenset[str]
    """Python files whose module level counts."""
    data: frozenset[str]
    folders: frozenset[str]
    variables: frozenset[str]
    distributions: frozenset[str]
    obstacle: str


class Reach:
    """Follows scopes of one process, after its tests.

    Args:
        tracker: has stopped.
        imported: the modules of this process.
        blocks_of: returns the blocks of a file of the project; None if they are not known.
    """

    def __init__(
        self,
        tracker: Tracker,
        imported: Imported,
        blocks_of: Callable[[str], FileBlocks | None],
    ) -> None:
        self._tracker = tracker
        self._imported = imported
        self._blocks_of = blocks_of
        self._names = tracker.index.names
        self._paths = [name.partition("::")[0] for name in self._names]
        self._left = self._scopes_by_name()
        self._of_block: dict[int, tuple[Needed, tuple[Scope, ...]]] = {}
        self._of_file: dict[str, Needed] = {}
        self._sealed: dict[int, Uses] = {}
        self._closures: dict[frozenset[str], Reached] = {}

    def of_files(self, files: Iterable[str]) -> Reached:
        """Return everything that importing files depends on."""
        wanted = frozenset(files)
        if wanted not in self._closures:
            self._closures[wanted] = self._follow(wanted, (), ())
        return self._closures[wanted]

    def of_uses(self, uses: Iterable[Uses], known: Reached | None = None) -> Reached:
        """Return everything on which uses depend.

        Args:
            uses: of a scope.
            known: is not followed again.
        """
        return self._follow((), uses, known.files if known else ())

    def of_scope(self, scope: Scope, known: Reached | None = None) -> Reached:
        """Return everything on which a scope depends, as `of_uses`."""
        return self.of_uses([self._uses(scope)], known)

    def _uses(self, scope: Scope) -> Uses:
        found = self._sealed.get(id(scope))
        if found is None:
            found = self._sealed[id(scope)] = scope.seal()
        return found

    def _follow(
        self, roots: Iterable[str], uses: Iterable[Uses], known: Iterable[str]
    ) -> Reached:
        files_known = frozenset(known)
        waiting_files, waiting_uses = [*roots], [*uses]
        files: set[str] = set(waiting_files)
        blocks: set[int] = set()
        scopes: set[int] = set()
        data: set[str] = set()
        folders: set[str] = set()
        variables: set[str] = set()
        distributions: set[str] = set()
        obstacle = ""

        def add_files(found: Iterable[str]) -> None:
            for path in found:
                if path not in files and path not in files_known:
                    files.add(path)
                    waiting_files.append(path)

        def add_scopes(found: Iterable[Scope]) -> None:
            for scope in found:
                if id(scope) not in scopes:
                    scopes.add(id(scope))
                    waiting_uses.append(self._uses(scope))

        while waiting_files or waiting_uses:
            while waiting_uses:
                one = waiting_uses.pop()
                data.update(one.files)
                folders.update(one.folders)
                variables.update(one.variables)
                obstacle = obstacle or one.obstacle
                add_files(one.modules)
                add_scopes(one.links)
                for block in one.blocks:
                    if block not in blocks:
                        blocks.add(block)
                        needed, linked = self._needs_of_block(block)
                        add_files(needed.files)
                        add_scopes(linked)
                        data |= needed.data
                        distributions |= needed.distributions
                        obstacle = obstacle or _foreign(needed)
            if waiting_files:
                path = waiting_files.pop()
                needed = self._needs_of_file(path)
                add_files(needed.files)
                data |= needed.data
                distributions |= needed.distributions
                obstacle = obstacle or _foreign(needed)
                ran = self._tracker.imports.get(path)
                if ran is not None:
                    add_scopes((ran,))
        return Reached(
            frozenset(blocks),
            frozenset(files),
            frozenset(data),
            frozenset(folders),
            frozenset(variables),
            frozenset(distributions),
            obstacle,
        )

    def _needs_of_block(self, block: int) -> tuple[Needed, tuple[Scope, ...]]:
        found = self._of_block.get(block)
        if found is None:
            found = self._of_block[block] = self._find_needs(block)
        return found

    def _find_needs(self, block: int) -> tuple[Needed, tuple[Scope, ...]]:
        path, _, name = self._names[block].partition("::")
        needed = Needed(frozenset({path}) | self._tracker.block_edges.get(block, frozenset()))
        file = self._blocks_of(path)
        if file is not None and name in file.imports:
            needed = union([needed, self._imported.needed(path, file.imports[name])])
        names: set[str] = set()
        for code in self._tracker.index.codes[block]:
            names |= names_in(code)
        if names & _DYNAMIC:
            needed = union([needed, Needed(self._imported.project_files)])
        linked = {id(scope): scope for one in names & self._left.keys() for scope in self._left[one]}
        return needed, tuple(linked.values())

    def _needs_of_file(self, path: str) -> Needed:
        found = self._of_file.get(path)
        if found is None:
            found = Needed(frozenset(self._tracker.edges.get(path, ())))
            file = self._blocks_of(path)
            if file is not None and MODULE_LEVEL in file.imports:
                found = union(
                    [found, self._imported.needed(path, file.imports[MODULE_LEVEL])]
                )
            self._of_file[path] = found
        return found

    def _scopes_by_name(self) -> dict[str, list[Scope]]:
        """Return what ran inside functions that leave something, by the names that find it."""
        found: dict[str, list[Scope]] = {}
        for code, scope in self._tracker.left.items():
            for name in self._tracker.lasting.names.get(code, ()):
                found.setdefault(name, []).append(scope)
        return found


def _foreign(needed: Needed) -> str:
    if not needed.foreign:
        return ""
    return f"it uses {needed.foreign}, which lies outside the project and was not installed"
