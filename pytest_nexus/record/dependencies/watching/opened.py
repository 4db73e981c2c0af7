"""Files that tests open, folders that they list, and what makes a result impossible to reuse."""

from __future__ import annotations

import linecache
import os
import sys
from pathlib import Path
from types import MethodType
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_nexus.domain.system.originals import identity_of
from pytest_nexus.impact.current_contents import digest_of_file
from pytest_nexus.record.dependencies.children.forked import Forks
from pytest_nexus.record.dependencies.children.starts import FORKSERVER, PROCESS, Children
from pytest_nexus.record.dependencies.watching.environ_reads import CURRENT_TEST

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from pytest_nexus.record.dependencies.watching.scopes import Scopes

_SOURCES: Final = (".py", ".pyw")
_BYTECODE: Final = (".pyc", ".pyo", ".so", ".pyd")
_WRITES: Final = frozenset("wax")
_WRITE_FLAGS: Final = os.O_WRONLY | os.O_RDWR
_HERE: Final = frozenset({"", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::"})  # noqa: S104 - compared only
_LOADERS: Final = (
    "<frozen importlib._bootstrap_external>",
    "<frozen importlib._bootstrap>",
    "<frozen zipimport>",
    "<frozen runpy>",
)
_folder: Final = os.path.dirname  # suites patch pathlib
_STANDARD: Final = _folder(os.__file__) + os.sep
_OF_PYTEST: Final = f"{_folder(_folder(pytest.__file__))}{os.sep}_pytest{os.sep}"
_SHOWING: Final = frozenset(f"{_STANDARD}{name}.py" for name in ("traceback", "warnings"))
_PASSING: Final = frozenset(
    ["<frozen codecs>", *(f"{_STANDARD}{name}.py" for name in ("codecs", "linecache", "tokenize"))]
)
_OF_ENVIRON: Final = ("<frozen os>", os.__file__)
_SHUTIL: Final = f"{_STANDARD}shutil.py"
_LINECACHE: Final = linecache.__file__
_PATHLIB: Final = f"{_STANDARD}pathlib"
_NEAR: Final = 2
_MAX_DEPTH: Final = 60

_is_folder: Final = os.path.isdir
_exists: Final = os.path.exists  # suites patch pathlib
_frame = sys._getframe  # noqa: SLF001 - the documented way to the caller

_LOOKING: Final = (
    *(os.stat, os.lstat, os.access, os.readlink),
    *(os.path.exists, os.path.lexists, os.path.isfile, os.path.isdir, os.path.islink),
    *(os.path.getsize, os.path.getmtime, os.path.samefile),
    *(Path.exists, Path.is_file, Path.is_dir, Path.is_symlink, Path.stat, Path.lstat),
)
_LOOKS: Final = frozenset(map(identity_of, _LOOKING))
LOOKING_NAMES: Final = frozenset(one.__name__ for one in _LOOKING)
"""Names of functions that look at a file without opening it. No audit event tells of them."""

NETWORK: Final = "it opens a network connection"
LIBRARY: Final = "it loads a library with ctypes"
DATABASE: Final = "it opens a database file"


class Opened:
    """Handlers of audit events.

    Args:
        scopes: take what happens.
    """

    def __init__(self, scopes: Scopes) -> None:
        self._scopes = scopes
        self._files = scopes.files
        self._written: set[str] = set()
        self._is_reading = False
        self.digests: dict[str, str | None] = {}
        """The digest of each file when it was first opened; None if it could not be read."""
        self.children = Children(scopes, self._written)
        self._forks = Forks(scopes, self.digests, self.children)
        self._lines: set[str] = set()
        """Sources whose text `linecache` keeps: a later test would find it without opening."""
        hinders = self._hinders
        self.handlers: dict[str, Callable[[tuple[Any, ...]], None]] = {
            "open": self._open,
            "os.listdir": self._list,
            "os.scandir": self._list,
            "os.mkdir": self._makes,
            "os.rename": self._renames,
            "socket.connect": self._connects,
            "socket.sendto": self._connects,
            "socket.sendmsg": self._connects,
            "socket.getaddrinfo": self._resolves,
            "socket.gethostbyname": self._resolves,
            "socket.gethostbyaddr": self._resolves,
            "sqlite3.connect": self._database,
            "ctypes.dlopen": self._library,
            "subprocess.Popen": self._popen,
            "os.putenv": self._sets,
            "os.unsetenv": self._sets,
            "os.system": hinders(PROCESS),
            "os.fork": self._fork,
            "os.forkpty": hinders(PROCESS),
            "os.exec": hinders(PROCESS),
            "os.posix_spawn": hinders(PROCESS),
            "os.spawn": hinders(PROCESS),
            "os.startfile": hinders(PROCESS),
        }

    def _hinders(self, obstacle: str) -> Callable[[tuple[Any, ...]], None]:
        def hinder(_arguments: tuple[Any, ...]) -> None:
            self._act(obstacle, _frame(2))

        return hinder

    def _popen(self, _arguments: tuple[Any, ...]) -> None:
        if not self.children.sees_popen():
            self._act(PROCESS, _frame(2))

    def _fork(self, _arguments: tuple[Any, ...]) -> None:
        frame = _frame(2)
        acting = self._files.nearest(frame)
        if acting is not None and not self._files.imports_others(frame):
            targets = self._scopes.target(acting)
            if not self._forks.prepare(frame, targets):
                self._act(PROCESS, frame)

    def _sets(self, arguments: tuple[Any, ...]) -> None:
        if arguments[0] != CURRENT_TEST and _frame(2).f_code.co_filename not in _OF_ENVIRON:
            self.children.sets_plainly()

    def _act(self, obstacle: str, frame: FrameType) -> None:
        """Hinder what the project does here, unless a module of others is importing."""
        acting = self._files.nearest(frame)
        if acting is not None and not self._files.imports_others(frame):
            self._hinder(obstacle, acting)

    def _hinder(self, obstacle: str, frame: FrameType) -> None:
        for scope in self._scopes.target(frame):
            scope.hinder(obstacle)

    def _open(self, arguments: tuple[Any, ...]) -> None:
        if self._is_reading:
            return
        path, mode, flags = (*arguments, 0, 0)[:3]
        found = self._below_root(path)
        if found is None or found.endswith(_BYTECODE):
            return
        if isinstance(mode, str):
            is_written = not _WRITES.isdisjoint(mode)
        else:
            is_written = bool(flags & _WRITE_FLAGS)
            if _frame(2).f_code.co_filename == _SHUTIL:
                return  # a folder that is removed, by a name within another folder
        if is_written:
            self._written.add(found)
        elif found not in self._written:
            self._read(path, found, _frame(2))

    def looks(self, callee: object, first: object, frame: FrameType) -> None:
        """Note that the project asks whether a file exists, how large or how old the file is.

        Args:
            callee: the function that is called.
            first: its first argument.
            frame: the caller.
        """
        if type(callee) is MethodType:
            first = callee.__self__
            callee = callee.__func__
        if identity_of(callee) not in _LOOKS or not isinstance(first, (str, bytes, os.PathLike)):
            return
        found = self._below_root(first)
        if found is not None and found not in self._written and not found.endswith(_BYTECODE):
            self._read(first, found, frame)

    def _read(self, path: Any, found: str, frame: FrameType) -> None:
        if found.endswith(_SOURCES) and _loads_source(frame):
            return
        if frame.f_back is not None and frame.f_back.f_code.co_filename == _LINECACHE:
            self._lines.add(os.fsdecode(path))
        acting = self._files.nearest(frame)
        if acting is None and not self._scopes.scope.keeps_imports:
            return
        is_folder = _is_folder(path)  # it may be listed by its descriptor
        if not is_folder:
            self._note_content(found)
        for scope in self._scopes.target(acting or frame):
            (scope.folders if is_folder else scope.files).add(found)

    def _note_content(self, found: str) -> None:
        if found not in self.digests:
            self._is_reading = True
            try:
                self.digests[found] = digest_of_file(Path(self._files.root, found))
            finally:
                self._is_reading = False

    def forget_lines(self) -> None:
        """Let the next test that wants the text of a source open the file again."""
        while self._lines:
            linecache.cache.pop(self._lines.pop(), None)

    def _makes(self, arguments: tuple[Any, ...]) -> None:
        """What is in a folder that the process made is a product of the process."""
        found = self._below_root(arguments[0])
        if found is not None and not _exists(arguments[0]):
            self._written.add(found)

    def _renames(self, arguments: tuple[Any, ...]) -> None:
        """A file that was renamed by the process is a product of the process."""
        for path in arguments[:2]:
            found = self._below_root(path)
            if found is not None:
                self._written.add(found)

    def _list(self, arguments: tuple[Any, ...]) -> None:
        path = arguments[0] if arguments and arguments[0] is not None else "."
        found = self._below_root(path)
        if found is None or found in self._written or _frame(2).f_code.co_filename in _LOADERS:
            return
        acting = self._files.nearest(_frame(2))
        if acting is not None:
            for scope in self._scopes.target(acting):
                scope.folders.add(found)

    def _below_root(self, path: Any) -> str | None:
        if isinstance(path, int) or path is None:
            return None
        text = path if type(path) is str else os.fsdecode(path)
        return self._files.opened(text)

    def _connects(self, arguments: tuple[Any, ...]) -> None:
        address = arguments[1] if len(arguments) > 1 else None
        if _frame(2).f_code.co_filename == FORKSERVER:
            self._act(PROCESS, _frame(2))  # its processes are started without an event
        if isinstance(address, tuple) and address and str(address[0]) not in _HERE:
            self._act(NETWORK, _frame(2))

    def _resolves(self, arguments: tuple[Any, ...]) -> None:
        host = arguments[0] if arguments else None
        text = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "")
        if text not in _HERE:
            self._act(NETWORK, _frame(2))

    def _database(self, arguments: tuple[Any, ...]) -> None:
        name = arguments[0] if arguments else ""
        text = name if isinstance(name, str) else os.fsdecode(name)
        if text.startswith("file:"):
            text, _, settings = text.removeprefix("file:").partition("?")
            text = "" if "mode=memory" in settings else text
        if "%" in text:
            self._act(DATABASE, _frame(2))  # a character of an address may be written so
        elif text and not text.startswith(":memory:"):
            found = self._files.opened(text)
            if found is not None and found not in self._written and _exists(text):
                self._act(DATABASE, _frame(2))
            elif found is not None:
                self._written.add(found)

    def _library(self, _arguments: tuple[Any, ...]) -> None:
        frame: FrameType | None = _frame(2)
        left = _NEAR
        while frame is not None and left:
            if "ctypes" not in frame.f_code.co_filename:
                if self._files.source(frame.f_code.co_filename) is not None:
                    self._hinder(LIBRARY, frame)
                    return
                left -= 1
            frame = frame.f_back


def _loads_source(frame: FrameType | None) -> bool:
    """Return whether a source is opened to be imported, or to be shown in a message."""
    left = _MAX_DEPTH
    while frame is not None and left:
        name = frame.f_code.co_filename
        if name in _LOADERS or name.startswith(_OF_PYTEST) or name in _SHOWING:
            return True
        if name not in _PASSING and not name.startswith(_PATHLIB):
            return False
        frame = frame.f_back
        left -= 1
    return False
