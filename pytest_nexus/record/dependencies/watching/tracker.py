"""Attribute what runs, opens and reads to the scope in which it happens.

The innermost scope takes what happens: a test, a fixture, the collection of a file, or the session.
What runs while a module is imported belongs to the import of that file, and so to every test that
needs the file. What runs inside a cached function, or inside one that fills a global, belongs to
that function too, and so to every test that finds what it left.
"""

from __future__ import annotations

import sys
from _thread import get_ident
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.system.originals import identity_of
from pytest_nexus.impact.code_blocks import nested_code
from pytest_nexus.record.dependencies.watching.audit import Listener
from pytest_nexus.record.dependencies.watching.cached_results import Lasting
from pytest_nexus.record.dependencies.watching.code_index import CodeIndex
from pytest_nexus.record.dependencies.watching.environ_reads import ALL, EnvironReads
from pytest_nexus.record.dependencies.watching.generated import Generated
from pytest_nexus.record.dependencies.watching.imports_by_name import ImportsByName, calls_count
from pytest_nexus.record.dependencies.watching.monitor import DISABLE, Monitor
from pytest_nexus.record.dependencies.watching.opened import Opened
from pytest_nexus.record.dependencies.watching.project_files import attribute
from pytest_nexus.record.dependencies.watching.scopes import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import CodeType, FrameType

    from pytest_nexus.record.dependencies.watching.project_files import ProjectFiles

_MAX_STARTS: Final = 200
"""How many starts of functions that leave something are followed in one scope. Later starts make
everything that the scope uses count for the function."""

_FEW_STARTS: Final = 10
_TESTS_BETWEEN: Final = 100
"""After how many tests the blocks are looked through for those that nearly every test runs."""
_NEARLY_ALL: Final = 0.9

TOO_DEEP: Final = "it recurses so deeply that nexus cannot follow"

_frame = sys._getframe  # noqa: SLF001 - the documented way to the caller


class _Running(NamedTuple):
    """A running function that leaves something, or a file that is being imported."""

    code: CodeType
    thread: int
    scope: Scope


def _without_last(running: list[_Running], code: CodeType) -> list[_Running] | None:
    """Return what runs on when the innermost run of a code in this thread has ended.

    None if the code does not run.
    """
    thread = get_ident()
    for place in range(len(running) - 1, -1, -1):
        if running[place].code is code and running[place].thread == thread:
            return running[:place] + [one for one in running[place:] if one.thread != thread]
    return None


class Tracker:
    """Watches one process.

    Args:
        files: tells which files are the project's.
    """

    def __init__(self, files: ProjectFiles) -> None:
        self.files = files
        self.index = CodeIndex(files)
        self.lasting = Lasting()
        self.session = Scope(keeps_imports=False)
        """What runs outside every other scope; every test depends on it."""
        self.imports: dict[str, Scope] = {}
        """What ran while a file was imported, by its path."""
        self.left: dict[int, Scope] = {}
        """What ran inside a function that leaves something, by the identity of its code."""
        self.edges: dict[str, set[str]] = {}
        """Files that were imported while a file was imported, by its path."""
        self.block_edges: dict[int, set[str]] = {}
        """Files that were imported while a block ran, by the number of the block."""
        self.opened = Opened(self)
        self._generated = Generated(files)
        self._stack = [self.session]
        self._recent: list[Scope] = []
        """Scopes that began after caches were last looked for."""
        self._starts: dict[int, int] = {}
        """How often each code started in this part of a scope, by its identity."""
        self._silent: list[CodeType] = []
        self._used: Counter[int] = Counter()
        self._n_tests = 0
        self._frequent: set[int] = set()
        self._lasting_names = self.lasting.names
        self._running: list[_Running] = []
        self._importing: list[_Running] = []
        self._given_up: set[int] = set()
        """Functions that started too often in this part to follow each start, by identity."""
        self._n_starts = 0
        self._pending: list[CodeType] = []
        self._by_name = ImportsByName(self, self.opened.looks)
        self._monitor = Monitor(
            self._started, self._by_name.called, self._ended, self._ended_by_exception
        )
        self._environ = EnvironReads(
            self._read_variable,
            self._is_ours,
            lambda: self.session.hinder("nexus failed to follow the environment"),
        )
        handlers = {"exec": self._executes, **self.opened.handlers}
        self._listener = Listener(handlers, self._loses_sight)

    def start(self) -> bool:
        """Begin to watch; return False if no tool id of `sys.monitoring` is free."""
        if not self._monitor.start():
            return False
        loaded = self.index.add_loaded()
        self._watch(loaded)
        self._monitor.watch_calls(self._by_name.watched)
        for number, name in enumerate(self.index.names):
            path = name.partition("::")[0]
            self.import_scope(path).blocks.add(number)  # what ran of them is not known
        self._pending += loaded
        self._listener.start()
        self._environ.start()
        self.opened.children.start()
        return True

    def stop(self) -> None:
        """Stop watching."""
        self._settle()
        self.opened.children.stop()
        self._listener.stop()
        self._environ.stop()
        self._monitor.stop()

    @property
    def scope(self) -> Scope:
        """Return the innermost scope."""
        return self._stack[-1]

    def push(self, scope: Scope) -> None:
        """Make a scope the innermost."""
        self._settle()
        self._stack.append(scope)
        self._recent.append(scope)

    def pop(self, scope: Scope) -> None:
        """End a scope, and every scope in it."""
        self._settle()
        if scope in self._stack:
            while self._stack.pop() is not scope:
                pass
        if not self._stack:
            self._stack.append(self.session)

    def import_scope(self, path: str) -> Scope:
        """Return the scope of the import of a file."""
        found = self.imports.get(path)
        if found is None:
            found = self.imports[path] = Scope()
        return found

    def target(self, frame: FrameType | None) -> list[Scope]:
        """Return the scopes to which what a frame does belongs; none if no project code acts."""
        path = self.files.nearest_import(frame) if self._importing else None
        targets = [one.scope for one in self._running]
        scope = self._stack[-1]
        if path is not None:
            targets.append(self.import_scope(path))
            if not scope.keeps_imports:
                return targets
        targets.append(scope)
        return targets

    def count_test(self, blocks: Iterable[int]) -> None:
        """Count the blocks of a test; what nearly every test runs is watched no more.

        Such blocks count for every test from then on: at most a few tests run too often for it.
        """
        self._n_tests += 1
        self._used.update(blocks)
        if self._n_tests % _TESTS_BETWEEN == 0:
            few = _NEARLY_ALL * self._n_tests
            common = [block for block, count in self._used.items() if count >= few]
            for block in common:
                del self._used[block]
                self._always_uses(block)

    def _always_uses(self, block: int) -> None:
        """Let every test depend on a block, and watch the block no more if it only runs."""
        codes = [one for code in self.index.codes[block] for one in nested_code(code)]
        if not any(identity_of(code) in self._lasting_names or calls_count(code) for code in codes):
            self.session.blocks.add(block)
            self._monitor.forget(codes)

    def look_for_caches(self) -> None:
        """Find caches in modules that were imported since the last call."""
        if self._pending:
            self._flush()
            pending, self._pending = self._pending, []
            known = {*self._lasting_names}
            fresh = {code.co_filename for code in pending}
            for module in list(sys.modules.values()):
                if self.files.of_module(module) is not None:
                    self.lasting.scan(module, again=attribute(module, "__file__") in fresh)
            self.lasting.add_writers(pending)
            fresh_names = self._lasting_names.keys() - known
            self._link_earlier(fresh_names)
            codes = self.index.known
            self._monitor.watch_ends(codes[one] for one in fresh_names if one in codes)
        self._recent.clear()

    def _link_earlier(self, codes: Iterable[int]) -> None:
        """Let functions lead to the scopes in which they ran before it was known what they leave.

        What ran inside such a function is not known apart, so all that the scope used counts.
        """
        found: dict[int, list[int]] = {}
        for code in codes:
            block = self.index.blocks.get(code)
            if block is not None:
                found.setdefault(block, []).append(code)
        for scope in (*self._stack, *self._recent, *self.imports.values()):
            for block in scope.blocks & found.keys():
                for code in found[block]:
                    self._left_by(code).links.add(scope)

    def _started(self, code: CodeType, _offset: int) -> object:
        """Note that a function starts; return `DISABLE` to hear of it no more in this part.

        To arm a code again takes as long as to hear of some ten starts. So a code is made silent
        when it starts more often than that, and from then on at its first start in each part.
        """
        number = identity_of(code)
        if number in self._lasting_names:
            return self._started_lasting(code, number)
        starts = self._starts
        count = starts.get(number)
        if count is None:
            starts[number] = 1
            if number not in self._frequent:
                return None
        elif count < _FEW_STARTS:
            starts[number] = count + 1
            return None
        else:
            self._frequent.add(number)
        self._silent.append(code)
        return DISABLE

    def _started_lasting(self, code: CodeType, number: int) -> object:
        """Note the start of a function that leaves something; what runs until its end counts."""
        block = self.index.blocks.get(number)
        if block is None:
            return None  # code of Python in which calls are watched
        left = self._left_by(number)
        for scope in self._targets():
            scope.links.add(left)
        if self._n_starts >= _MAX_STARTS:
            self._starts[number] = 1
            left.blocks.add(block)
            left.links.add(self._stack[-1])
            self._given_up.add(number)
            self._silent.append(code)
            return DISABLE
        self._n_starts += 1
        self._flush()
        self._running.append(_Running(code, get_ident(), left))
        self._starts[number] = 1
        return None

    def _ended(self, code: CodeType) -> object:
        """Note that a function that leaves something, or the import of a file, has ended."""
        number = identity_of(code)
        if number in self._given_up:
            return DISABLE
        if number in self._lasting_names:
            self._end_lasting(code)
        elif self._importing:
            self._end_import(code)
        return None

    def _ended_by_exception(self, code: CodeType, _offset: int, _error: object) -> None:
        """Note that an exception leaves any code."""
        if self._running or self._importing:
            self._ended(code)

    def _end_lasting(self, code: CodeType) -> None:
        """Give what started inside to it; the scopes around it have the same starts and more."""
        rest = _without_last(self._running, code)
        if rest is not None:
            self._give()
            self._running = rest

    def _end_import(self, code: CodeType) -> None:
        rest = _without_last(self._importing, code)
        if rest is not None:
            self._flush()
            self._importing = rest

    def _left_by(self, code: int) -> Scope:
        found = self.left.get(code)
        if found is None:
            found = self.left[code] = Scope()
        return found

    def _loses_sight(self, event: str) -> None:
        """Everything that follows is unknown: the handler of an audit event was removed."""
        self.session.hinder(f"nexus failed to follow {event}")

    def _settle(self) -> None:
        """End a part of a scope."""
        self._flush()
        if self._listener.lost or self._environ.lost:
            self._stack[-1].hinder(TOO_DEEP)
            self._listener.lost.clear()
            self._environ.lost.clear()
        self._n_starts = 0
        self._running = []
        self._importing = []
        self._given_up.clear()
        self.opened.forget_lines()
        self._environ.begin_part()

    def _flush(self) -> None:
        """Give what ran since the last call to the present scopes, and arm it again."""
        self._give()
        self._starts.clear()
        if self._silent:
            self._monitor.arm(self._silent)
            self._silent.clear()

    def _give(self) -> None:
        """Give what ran since the last flush to the present scopes."""
        started = list(self._starts)
        if not started:
            return
        find, paths = self.index.blocks.get, self._generated.paths
        blocks = [block for one in started if (block := find(one)) is not None]
        files = [paths[one] for one in started if one in paths] if paths else ()
        for scope in self._targets():
            scope.blocks.update(blocks)
            scope.files.update(files)

    def _targets(self) -> list[Scope]:
        """Return the scopes to which what starts now belongs."""
        targets = [one.scope for one in self._running]
        scope = self._stack[-1]
        if self._importing:
            targets.append(self._importing[-1].scope)
            if not scope.keeps_imports:
                return targets
        targets.append(scope)
        return targets

    def _executes(self, arguments: tuple[object, ...]) -> None:
        """Called before `exec`; the code of a module of the project is about to be imported."""
        code = arguments[0]
        path = self.files.source(getattr(code, "co_filename", "<"))
        if path is None or getattr(code, "co_name", "") != "<module>":
            if path is None:
                self._monitor.watch(self._generated.add(code))
            return
        self._flush()
        importer = self.files.importer(_frame(2))
        if importer is not None:
            block = self.index.blocks.get(identity_of(importer.f_code))
            if block is not None:
                self.block_edges.setdefault(block, set()).add(path)
            else:
                by = self.files.source(importer.f_code.co_filename) or ""
                self.edges.setdefault(by, set()).add(path)
        if self.scope.keeps_imports:
            self.scope.modules.add(path)
        self._importing.append(_Running(code, get_ident(), self.import_scope(path)))  # type: ignore[arg-type] # a module's code
        self._monitor.watch_return(code)  # type: ignore[arg-type] # the same
        added = self.index.add_module(code, path)  # type: ignore[arg-type] # a module's code
        self._pending += added
        self._watch(added)

    def _watch(self, codes: list[CodeType]) -> None:
        self._monitor.watch(codes)
        self._monitor.watch_calls(code for code in codes if calls_count(code))

    def _is_ours(self, frame: FrameType) -> bool:
        return self.files.source(frame.f_code.co_filename) is not None

    def _read_variable(self, name: str, frame: FrameType) -> None:
        for scope in self.target(frame):
            if ALL not in scope.variables:  # who goes through all of them reads each
                scope.variables.add(name)
