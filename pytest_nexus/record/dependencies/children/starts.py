"""Notice the processes that the project starts, and let those of this Python record what they use.

`subprocess` and `multiprocessing` call one private function of CPython for it, with the environment
of the new process. That is where the process learns that it is to record; neither `os.environ` nor
what the project passes is changed. No audit event tells of what `multiprocessing` starts.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_nexus.domain.system import clock
from pytest_nexus.domain.system.originals import environ
from pytest_nexus.record.dependencies.children.interpreter import is_own_python
from pytest_nexus.record.dependencies.watching.scopes import Scope
from pytest_nexus.record.startup import process_recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from collections.abc import Set as AbstractSet
    from types import FrameType

    from pytest_nexus.record.dependencies.watching.scopes import Scopes

PROCESS: Final = "it starts a process whose files are not known"

_folder: Final = os.path.dirname  # suites patch pathlib
_join: Final = os.path.join
_STARTUP: Final = process_recorder.OWN
_PYTHONPATH: Final = b"PYTHONPATH"
MULTIPROCESSING: Final = f"{_folder(os.__file__)}{os.sep}multiprocessing{os.sep}"
_TRACKER: Final = f"{MULTIPROCESSING}resource_tracker.py"
FORKSERVER: Final = f"{MULTIPROCESSING}forkserver.py"

_make_folder: Final = os.mkdir  # suites patch these
_temporary_folder: Final = tempfile.mkdtemp
_frame = sys._getframe  # noqa: SLF001 - the documented way to the caller


class Given(NamedTuple):
    """The arguments of CPython's `fork_exec` that matter, by their places."""

    executables: Any
    folder: Any
    environ: Any
    before: Any
    """A function that the new process calls before the program starts."""

    @classmethod
    def among(cls, arguments: tuple[Any, ...]) -> Given:
        """Take them out of all arguments."""
        return cls(arguments[1], arguments[4], arguments[5], arguments[21])


class Child(NamedTuple):
    """A process that records what it uses."""

    folder: str
    """Of the record."""
    scope: Scope
    """Takes what the process used; linked to those who started it."""
    written: frozenset[str]
    """What the session wrote before; paths below the root."""


class Children:
    """Follows the processes that scopes start.

    Args:
        scopes: take what the processes use.
        written: the files that the session writes, below the root.
    """

    def __init__(self, scopes: Scopes, written: AbstractSet[str]) -> None:
        self._scopes = scopes
        self._written = written
        self._replaced: list[tuple[Any, str, Any, Any]] = []
        self._folder = ""
        self._is_plain = True
        """Whether the environment of the process is that of `os.environ`."""
        self.is_forked = False
        """Whether this process itself is one that a test started."""
        self.children: list[Child] = []
        self.began_at = int(clock.time() * 1e9)
        """When the session began; nanoseconds since the epoch."""

    def start(self) -> None:
        """Begin to follow, where this Python starts processes in the known way."""
        try:
            import _posixsubprocess  # noqa: PLC0415 - Windows has none
        except ImportError:
            return
        for module, name in ((_posixsubprocess, "fork_exec"), (subprocess, "_fork_exec")):
            original = getattr(module, name, None)
            if original is not None:
                self._replace(module, name, original, self._around(original))
        # The documented way to let `subprocess` call `fork_exec` instead of `posix_spawn`.
        uses = subprocess._USE_POSIX_SPAWN  # noqa: SLF001 - see above
        self._replace(subprocess, "_USE_POSIX_SPAWN", uses, mine=False)

    def _replace(self, module: object, name: str, original: object, mine: object) -> None:
        setattr(module, name, mine)
        self._replaced.append((module, name, mine, original))

    def stop(self) -> None:
        """Put back what starts processes, unless somebody else has replaced it meanwhile."""
        while self._replaced:
            module, name, mine, original = self._replaced.pop()
            if getattr(module, name) is mine:
                setattr(module, name, original)

    def remove_records(self) -> None:
        """Remove the records of all processes."""
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def sees_popen(self) -> bool:
        """Return whether a process that `subprocess` is about to start will be noticed."""
        now = getattr(subprocess, "_fork_exec", None)
        return any(now is mine for _, name, mine, _ in self._replaced if name == "_fork_exec")

    def follow_no_more(self) -> None:
        """Called in a process that a test has forked; its own processes are unknown."""
        self.is_forked = True

    def sets_plainly(self) -> None:
        """Note that the environment changes without `os.environ`."""
        self._is_plain = False

    def _around(self, original: Callable[..., int]) -> Callable[..., int]:
        def fork_exec(*arguments: Any) -> int:
            return original(*self._prepared(arguments, _frame(1)))

        return fork_exec

    def _prepared(self, arguments: tuple[Any, ...], frame: FrameType) -> tuple[Any, ...]:
        """Return the arguments with which a process starts; never raises."""
        try:
            return self._with_record(arguments, frame)
        except Exception:  # noqa: BLE001 - the user's process starts in any case
            self._scopes.session.hinder("nexus failed to follow a process")
            return arguments

    def _with_record(self, arguments: tuple[Any, ...], frame: FrameType) -> tuple[Any, ...]:
        files = self._scopes.files
        starter = frame.f_back.f_code.co_filename if frame.f_back is not None else ""
        acting = files.nearest(frame)
        if acting is None or starter == _TRACKER or files.imports_others(frame):
            return arguments
        targets = self._scopes.target(acting)
        prepared = None if starter == FORKSERVER else self._recording(Given.among(arguments))
        if prepared is None:
            for scope in targets:
                scope.hinder(PROCESS)
            return arguments
        for scope in targets:
            scope.links.add(self.children[-1].scope)
        return (*arguments[:5], prepared, *arguments[6:])

    def _recording(self, given: Given) -> list[bytes] | None:
        """Return an environment in which a process records; None if it would not."""
        if (
            self.is_forked
            or given.before is not None
            or not is_own_python(given.executables, given.folder)
        ):
            return None
        if given.environ is None and not self._is_plain:
            return None
        before = _current_environ() if given.environ is None else list(given.environ)
        names = {process_recorder.FOLDER_VARIABLE, process_recorder.PATH_VARIABLE}
        if any(_name(one) in names for one in before) or os.pathsep in _STARTUP:
            return None
        return _recording_environ(before, self.add().folder, self._scopes.files.root)

    def add(self) -> Child:
        """Return a new child, with a folder for its record."""
        if not self._folder:
            self._folder = _temporary_folder(prefix="nexus-children-")
        folder = _join(self._folder, str(len(self.children)))
        _make_folder(folder)
        self.children.append(Child(folder, Scope(), frozenset(self._written)))
        return self.children[-1]


def _current_environ() -> list[bytes]:
    data = vars(environ)["_data"]
    return [bytes(key) + b"=" + bytes(value) for key, value in dict.items(data)]


def _name(entry: bytes) -> str:
    return os.fsdecode(entry.partition(b"=")[0])


def _recording_environ(before: Iterable[bytes], folder: str, root: str) -> list[bytes]:
    """Return the lines of an environment with the variables that `sitecustomize` understands."""
    path: bytes | None = None
    kept = []
    for one in before:
        name, _, value = one.partition(b"=")
        if name == _PYTHONPATH:
            path = value
        else:
            kept.append(one)
    places = [os.fsencode(_STARTUP), *filter(None, [path])]
    added = {
        _PYTHONPATH: os.fsencode(os.pathsep).join(places),
        os.fsencode(process_recorder.FOLDER_VARIABLE): os.fsencode(folder),
        os.fsencode(process_recorder.ROOT_VARIABLE): os.fsencode(root),
        os.fsencode(process_recorder.PATH_VARIABLE): b"" if path is None else b"=" + path,
    }
    return [*kept, *(name + b"=" + value for name, value in added.items())]
