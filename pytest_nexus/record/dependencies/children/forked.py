"""Record what the processes use that `multiprocessing` forks.

Such a process is a copy of this one, with the tracker in it. The copy tracks on, and writes down
what it saw when `multiprocessing` ends the process.
"""

from __future__ import annotations

import _thread
import os
import sys
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_nexus.domain.system.originals import dumps, identity_of, open_file
from pytest_nexus.record.dependencies.children.starts import MULTIPROCESSING, PROCESS
from pytest_nexus.record.dependencies.watching.project_files import attribute
from pytest_nexus.record.dependencies.watching.scopes import Scope
from pytest_nexus.record.startup.hidden_recorder import version
from pytest_nexus.record.startup.process_recorder import is_stdlib

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import FrameType

    from pytest_nexus.record.dependencies.children.starts import Child, Children
    from pytest_nexus.record.dependencies.watching.scopes import Scopes

_FORKING: Final = f"{MULTIPROCESSING}popen_fork.py"
_LAST: Final = -1000
"""Priority of a call at the end of a process; `multiprocessing` makes the lowest call last."""
_join: Final = os.path.join  # suites patch pathlib
_own_number: Final = os.getpid
_parent_number: Final = os.getppid
_n_threads = _thread._count  # noqa: SLF001 - counts threads that threading does not know


class _Fork(NamedTuple):
    """What is known in this process before it forks."""

    child: Child
    targets: list[Scope]
    """Scopes to which the start belongs. Functions that others call after a fork run in them."""
    n_blocks: int
    modules: frozenset[str]


class Forks:
    """Follows the processes that `multiprocessing` forks.

    Args:
        scopes: of this process.
        digests: of the files that were opened.
        children: of this process.
    """

    def __init__(
        self, scopes: Scopes, digests: Mapping[str, str | None], children: Children
    ) -> None:
        self._scopes = scopes
        self._digests = digests
        self._children = children
        self._forks: dict[int, _Fork] = {}
        """The newest fork of each thread."""
        self._is_registered = False

    def prepare(self, frame: FrameType, targets: list[Scope]) -> bool:
        """Return whether a process that is about to be forked will record what it uses.

        Args:
            frame: the caller of `fork`.
            targets: the scopes to which the start belongs.
        """
        if frame.f_code.co_filename != _FORKING or self._children.is_forked:
            return False
        if not self._is_registered:
            from multiprocessing.util import register_after_fork  # noqa: PLC0415 - it is loaded here

            register_after_fork(self, Forks.begin)
            self._is_registered = True
        child = self._children.add()
        for scope in targets:
            scope.links.add(child.scope)
        n_blocks = len(self._scopes.index.names)
        fork = _Fork(child, targets, n_blocks, frozenset(sys.modules))
        self._forks[_thread.get_ident()] = fork
        return True

    def begin(self) -> None:
        """Called by `multiprocessing` in a process that it has forked."""
        fork = self._forks.get(_thread.get_ident())
        if fork is None or self._children.is_forked:
            return
        from multiprocessing.util import Finalize  # noqa: PLC0415 - it is loaded here

        self._children.follow_no_more()
        scope = Scope()
        self._scopes.push(scope)
        Finalize(None, self._end, (fork, scope, _n_threads()), exitpriority=_LAST)

    def _end(self, fork: _Fork, scope: Scope, n_threads: int) -> None:
        """Write the record; a process without one was not followed."""
        try:
            self._scopes.pop(scope)
            if _n_threads() > n_threads:
                scope.hinder(PROCESS)
            lines = [*self._lines(fork, scope)]
            with open_file(_join(fork.child.folder, "fork.jsonl"), "w", encoding="utf-8") as file:
                file.write("".join(f"{dumps([0, *line])}\n" for line in lines))
        except Exception:  # noqa: BLE001 - the user's process ends as it would
            return

    def _lines(self, fork: _Fork, scope: Scope) -> Iterator[list[Any]]:
        yield [
            "start", _own_number(), sys.executable, sys.version, [], sys.prefix,
            _parent_number(), False,
        ]  # fmt: skip
        used = [*_linked([scope, *fork.targets])]
        blocks = {block for one in used for block in one.blocks}
        files = {name: self._digests.get(name) for one in used for name in one.files}
        yield ["blocks", sorted(block for block in blocks if block < fork.n_blocks)]
        yield ["files", files]
        for kind in ("folders", "imports", "variables", "distributions", "modules"):
            yield ["uses", kind, sorted({name for one in used for name in getattr(one, kind)})]
        for one in used:
            if one.obstacle:
                yield ["hindered", one.obstacle]
        names = self._scopes.index.names
        paths = {names[block].partition("::")[0] for block in blocks if block >= fork.n_blocks}
        root = self._scopes.files.root
        for path in sorted({_join(root, path) for path in paths} | _loaded_since(fork.modules)):
            yield ["read", path, version(path)]
        yield ["end"]


def _linked(scopes: Iterable[Scope]) -> Iterator[Scope]:
    """Yield scopes and all to which they lead, each once."""
    waiting = [*scopes]
    seen: set[int] = set()
    while waiting:
        scope = waiting.pop()
        if identity_of(scope) not in seen:
            seen.add(identity_of(scope))
            yield scope
            waiting += scope.links


def _loaded_since(names: frozenset[str]) -> set[str]:
    """Return the files of modules that were not there before, without the standard library."""
    found = set()
    for name in sys.modules.keys() - names:
        path = attribute(sys.modules.get(name), "__file__")
        if isinstance(path, str) and not is_stdlib(path):
            found.add(path)
    return found
