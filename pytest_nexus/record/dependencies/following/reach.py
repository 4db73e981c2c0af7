"""Follow what a scope used to everything on which its result depends.

A block needs its file. A file needs the files that it imports, and what ran while it was imported.
A block that imports needs these files, also if another block paid for the import. A block that
names what a cached function left needs what ran inside that function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.system.originals import identity_of
from pytest_nexus.impact.code_blocks import MODULE_LEVEL
from pytest_nexus.record.dependencies.following.imported import Needed, union
from pytest_nexus.record.dependencies.watching.cached_results import names_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_nexus.impact.code_blocks import FileBlocks
    from pytest_nexus.record.dependencies.following.imported import Imported
    from pytest_nexus.record.dependencies.watching.scopes import Scope, Uses
    from pytest_nexus.record.dependencies.watching.tracker import Tracker


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


_MOST_FINISHED: Final = 200
"""How much of what scopes reach is kept. Scopes that lead to each other reach the same, once."""


class Followed(NamedTuple):
    """What a scope reaches, and the scopes among it by their identity."""

    reached: Reached
    scopes: dict[int, Scope]


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
        self._judged: set[int] = set()
        self._special: set[int] = set()
        self.finished: dict[tuple[frozenset[str], int], Followed] = {}
        """What scopes reach, by the files that were known and the identity of the scope."""
        self._room = _MOST_FINISHED
        self._of_file: dict[str, Needed] = {}
        self._sealed: dict[int, Uses] = {}
        self._closures: dict[frozenset[str], Reached] = {}

    def of_files(self, files: Iterable[str]) -> Reached:
        """Return everything that importing files depends on."""
        wanted = frozenset(files)
        if wanted not in self._closures:
            self._closures[wanted] = self._follow(wanted, (), ())
        return self._closures[wanted]

    def of_uses(
        self, uses: Iterable[Uses], known: Reached | None = None
    ) -> tuple[Reached, tuple[Scope, ...]]:
        """Return everything on which uses depend, without other scopes, and these scopes.

        Args:
            uses: of a scope.
            known: is not followed again.
        """
        walk = _Walk(self, known.files if known else frozenset(), follows=False)
        for one in uses:
            walk.take(one)
        return walk.finish(), walk.linked

    def of_scope(self, scope: Scope, known: Reached | None = None) -> Reached:
        """Return everything on which a scope depends, with all linked scopes."""
        files = known.files if known else frozenset[str]()
        key = files, identity_of(scope)
        found = self.finished.get(key)
        if found is None:
            walk = _Walk(self, files)
            walk.add_scopes([scope])
            found = walk.followed()
            if found is walk.same or self._room > 0:
                self.finished[key] = found
                self._room -= found is not walk.same
        return found.reached

    def sealed(self, scope: Scope) -> Uses:
        """Return what a scope used, sealed once."""
        found = self._sealed.get(identity_of(scope))
        if found is None:
            found = self._sealed[identity_of(scope)] = scope.seal()
        return found

    def _follow(self, roots: Iterable[str], uses: Iterable[Uses], known: Iterable[str]) -> Reached:
        walk = _Walk(self, frozenset(known))
        walk.add_files(roots)
        for one in uses:
            walk.take(one)
        return walk.finish()

    def needs_of_name(self, name: str) -> Needed:
        """Return what importing a module by its name imports."""
        return self._imported.of_name(name)

    def ran_in_import(self, path: str) -> Scope | None:
        """Return what ran while a file was imported."""
        return self._tracker.imports.get(path)

    def needs_of_block(self, block: int) -> tuple[Needed, tuple[Scope, ...]]:
        """Return what a block imports, and what ran inside functions whose results it may find."""
        found = self._of_block.get(block)
        if found is None:
            found = self._of_block[block] = self._find_needs(block)
        return found

    def path_of(self, block: int) -> str:
        """Return the file of a block."""
        return self._paths[block]

    def special_among(self, blocks: set[int]) -> set[int]:
        """Return the blocks that need more than their file."""
        new = blocks - self._judged
        self._judged |= new
        self._special.update(filter(self._is_special, new))
        return blocks & self._special

    def _is_special(self, block: int) -> bool:
        needed, linked = self.needs_of_block(block)
        return bool(linked or len(needed.files) > 1 or needed.data or needed.distributions) or bool(
            needed.foreign
        )

    def _find_needs(self, block: int) -> tuple[Needed, tuple[Scope, ...]]:
        path, _, name = self._names[block].partition("::")
        needed = Needed(frozenset({path}) | self._tracker.block_edges.get(block, frozenset()))
        file = self._blocks_of(path)
        if file is not None and name in file.imports:
            needed = union([needed, self._imported.needed(path, file.imports[name])])
        names: set[str] = set()
        for code in self._tracker.index.codes[block]:
            names |= names_in(code)
        found = names & self._left.keys()
        linked = {identity_of(scope): scope for one in found for scope in self._left[one]}
        return needed, tuple(linked.values())

    def needs_of_file(self, path: str) -> Needed:
        """Return what importing a file imports."""
        found = self._of_file.get(path)
        if found is None:
            found = Needed(frozenset(self._tracker.edges.get(path, ())))
            file = self._blocks_of(path)
            if file is not None and MODULE_LEVEL in file.imports:
                found = union([found, self._imported.needed(path, file.imports[MODULE_LEVEL])])
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


def _sizes(followed: Followed) -> list[int]:
    """Return the sizes of everything in it; one that holds another of equal sizes is the same."""
    return [len(followed.scopes), *map(len, followed.reached)]


class _Walk:
    """One walk from what was used to everything that is needed.

    Args:
        reach: knows what blocks and files need.
        known: files that are not followed.
        follows: whether linked scopes are followed; else they are in `linked`.
    """

    def __init__(self, reach: Reach, known: frozenset[str], *, follows: bool = True) -> None:
        self._reach = reach
        self._known = known
        self._follows = follows
        self._waiting_files: list[str] = []
        self._waiting_uses: list[Uses] = []
        self.scopes: dict[int, Scope] = {}
        self._files: set[str] = set()
        self._blocks: set[int] = set()
        self._data: set[str] = set()
        self._folders: set[str] = set()
        self._variables: set[str] = set()
        self._distributions: set[str] = set()
        self._obstacle = ""
        self.same: Followed | None = None
        """What another walk reached, as long as this one reached no more."""

    @property
    def linked(self) -> tuple[Scope, ...]:
        """Return the scopes that were linked."""
        return tuple(self.scopes.values())

    def add_files(self, files: Iterable[str]) -> None:
        """Follow the files that are new and not known."""
        new = set(files) - self._files - self._known
        self._files |= new
        self._waiting_files += new

    def take(self, uses: Uses) -> None:
        """Follow what was used in one scope."""
        self._data.update(uses.files)
        self._folders.update(uses.folders)
        self._variables.update(uses.variables)
        self._distributions.update(uses.distributions)
        self._obstacle = self._obstacle or uses.obstacle
        self.add_files(uses.modules)
        for name in uses.imports:
            self._add(self._reach.needs_of_name(name))
        self.add_scopes(uses.links)
        new = set(uses.blocks) - self._blocks
        self._blocks |= new
        self.add_files({self._reach.path_of(block) for block in new})
        for block in self._reach.special_among(new):
            needed, linked = self._reach.needs_of_block(block)
            self._add(needed)
            self.add_scopes(linked)

    def finish(self) -> Reached:
        """Return everything, when nothing waits any more."""
        while self._waiting_files or self._waiting_uses:
            while self._waiting_uses:
                self.take(self._waiting_uses.pop())
            if self._waiting_files:
                path = self._waiting_files.pop()
                self._add(self._reach.needs_of_file(path))
                ran = self._reach.ran_in_import(path)
                if ran is not None:
                    self.add_scopes((ran,))
        return Reached(
            frozenset(self._blocks),
            frozenset(self._files),
            frozenset(self._data),
            frozenset(self._folders),
            frozenset(self._variables),
            frozenset(self._distributions),
            self._obstacle,
        )

    def followed(self) -> Followed:
        """Return everything with the scopes, as the object of another walk if that has the same."""
        found = Followed(self.finish(), self.scopes)
        if self.same is None or _sizes(self.same) != _sizes(found):
            self.same = None
            return found
        return self.same

    def _add(self, needed: Needed) -> None:
        self.add_files(needed.files)
        self._data |= needed.data
        self._distributions |= needed.distributions
        self._obstacle = self._obstacle or _foreign(needed)

    def add_scopes(self, scopes: Iterable[Scope]) -> None:
        """Follow the scopes that are new."""
        for scope in scopes:
            number = identity_of(scope)
            if number in self.scopes:
                continue
            finished = self._reach.finished.get((self._known, number)) if self._follows else None
            if finished is not None:
                self._take_over(finished)
                continue
            self.scopes[number] = scope
            if self._follows:
                self._waiting_uses.append(self._reach.sealed(scope))

    def _take_over(self, finished: Followed) -> None:
        """Add what another walk reached; nothing of it waits."""
        reached = finished.reached
        self.same = finished
        self.scopes |= finished.scopes
        self._blocks |= reached.blocks
        self._files |= reached.files
        self._data |= reached.data
        self._folders |= reached.folders
        self._variables |= reached.variables
        self._distributions |= reached.distributions
        self._obstacle = self._obstacle or reached.obstacle
