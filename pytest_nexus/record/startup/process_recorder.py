"""Write down what a Python process uses, one line for each thing.

This runs inside the processes of users, which may belong to another environment: it needs the
standard library only, and as little as possible: the program sees the modules that are loaded.
Each line is a JSON list: a time in nanoseconds, a kind, and values. A line is written at once,
because a process may end without warning.
"""

from __future__ import annotations

import _thread
import os
import stat
import sys
import time
from _frozen_importlib_external import source_from_cache

TYPE_CHECKING = False  # `typing` takes longer to import than everything else here
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Final

FOLDER_VARIABLE: Final = "NEXUS_STEP_RECORD"
ROOT_VARIABLE: Final = "NEXUS_STEP_ROOT"
PATH_VARIABLE: Final = "NEXUS_STEP_PYTHONPATH"
"""Set in a process that a test starts: `=` and the PYTHONPATH of the test; empty if there is none.
Such a process sees none of these variables."""
OWN: Final = os.path.dirname(os.path.abspath(__file__))
_STDLIB: Final = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_PACKAGES: Final = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_SPECIAL: Final = ("/dev/", "/proc/", "/sys/")
_BETWEEN: Final = {"<frozen os>", "<frozen _collections_abc>", os.__file__}
_ABOUT_THE_PLACE: Final = frozenset({
    "PATH", "HOME", "USER", "LOGNAME", "USERNAME", "USERPROFILE", "TMPDIR", "TEMP", "TMP", "PWD",
    "TERM", "COLORTERM", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "VIRTUAL_ENV", "SHELL",
    "APPDATA", "LOCALAPPDATA", "SYSTEMROOT", "PATHEXT", "COMSPEC", "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME", "XDG_CONFIG_DIRS", "PYTHONPATH", FOLDER_VARIABLE, ROOT_VARIABLE,
})  # fmt: skip
"""Variables that count only where the project itself reads them."""
_MAX_PARTS: Final = 100
STAT: Final = os.stat


class Recorder:
    """Writes each thing that this process uses once."""

    def __init__(self, folder: str, root: str) -> None:
        self._file = os.path.join(folder, f"{os.getpid()}-{time.monotonic_ns()}.jsonl")
        self._root = os.path.join(root, "")
        self._seen: set[tuple[object, ...]] = set()
        self._busy: set[int] = set()
        self._copying: tuple[int, int] | None = None
        self._content = digest
        self._is_inherited = False
        """Whether a process without an environment of its own is watched too."""
        self._handlers: dict[str, Callable[..., None]] = {
            "open": self._open,
            "import": self._extension,
            "os.listdir": self._listing,
            "os.scandir": self._listing,
            "os.mkdir": self._made_folder,
            "os.rename": self._renamed,
            "os.link": self._renamed,
            "os.symlink": self._renamed,
            "os.remove": self._removed,
            "os.truncate": self._changed,
            "sqlite3.connect": self._changed,
            "ctypes.dlopen": self._library,
            "subprocess.Popen": self._popen,
            "os.posix_spawn": self._spawned,
            "os.exec": self._spawned,
            "os.spawn": lambda _mode, *rest: self._spawned(*rest),
            "os.system": lambda command: self.write("shell", os.fsdecode(command)),
            "os.startfile": lambda *given: self.write("shell", str(given[0])),
            "pty.spawn": lambda argv: self._spawned(argv[0], argv, None),
            "socket.connect": lambda _socket, address: self.write("network", str(address)),
            "socket.sendto": lambda _socket, address: self.write("network", str(address)),
            "socket.getaddrinfo": lambda host, *_: self.write("network", str(host)),
            "socket.gethostbyname": lambda host: self.write("network", str(host)),
        }

    def write(self, kind: str, *values: Any) -> None:
        """Add a line to the record. The file is not kept open: a program may close all files."""
        line = as_json([time.monotonic_ns(), kind, *values]) + "\n"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        descriptor = os.open(self._file, flags, 0o600)
        try:
            os.write(descriptor, line.encode("utf-8", "surrogatepass"))
        finally:
            os.close(descriptor)

    def once(self, *values: Any) -> bool:
        """Return whether this is the first call with these values."""
        is_new = values not in self._seen
        self._seen.add(values)
        return is_new

    def audit(self, event: str, given: tuple[Any, ...]) -> None:
        """Handle an audit event; an exception here would end the operation of the program."""
        handler = self._handlers.get(event)
        if handler is not None:
            self.guarded(handler, *given)

    def guarded(self, handler: Callable[..., None], *given: Any) -> None:
        """Call a function whose own events do not count, and whose failure costs one line."""
        thread = _thread.get_ident()
        if thread in self._busy:
            return
        self._busy.add(thread)
        try:
            handler(*given)
        except Exception as error:  # noqa: BLE001 - the program goes on, the step is not reused
            self._lose(error)
        finally:
            self._busy.discard(thread)

    def _lose(self, error: Exception) -> None:
        try:
            self.write("lost", f"{type(error).__name__}: {error}"[:200])
        except OSError:
            return

    def read(self, path: str) -> None:
        """Record that a file is read, with the content that it has now."""
        path = _source_of(path)
        if self.once("read", path) and not path.startswith(_SPECIAL) and not is_stdlib(path):
            self.write("read", path, None if _is_package(path) else self._content(path))

    def _open(self, given: Any, mode: Any, flags: Any) -> None:
        path = _path(given)
        if path is None or (mode is None and _is_relative_to_a_descriptor(given)):
            return
        mode, flags = mode or "", flags or 0
        is_new = "w" in mode or "x" in mode or bool(flags & (os.O_TRUNC | os.O_EXCL))
        writes = is_new or "a" in mode or "+" in mode or bool(flags & (os.O_WRONLY | os.O_RDWR))
        if not is_new:
            self.read(path)
        if writes:
            self._written(path)

    def _written(self, path: str) -> None:
        if f"{os.sep}__pycache__{os.sep}" not in path and self.once("written", path):
            self.write("written", path)

    def _changed(self, given: Any, *_: Any) -> None:
        path = _path(given)
        if path is not None and given not in ("", b"", ":memory:"):
            self.read(path)
            self._written(path)

    def _made_folder(self, given: Any, _mode: int, descriptor: int = -1) -> None:
        path = _path(given)
        if (
            path is not None
            and descriptor == -1
            and not os.path.isdir(path)
            and self.once("folder", path)
        ):
            self.write("folder", path)

    def _renamed(self, source: Any, target: Any, *descriptors: int) -> None:
        for path in (_path(source), _path(target)):
            if path is not None and {*descriptors} <= {-1}:
                self._written(path)

    def _removed(self, given: Any, descriptor: int = -1) -> None:
        path = _path(given)
        if path is not None and descriptor == -1:
            self._written(path)

    def _extension(self, _module: str, filename: Any, *_: Any) -> None:
        path = _path(filename)
        if path is not None:
            self.read(path)

    def _library(self, name: Any, *_: Any) -> None:
        path = _path(name) if isinstance(name, str) and os.sep in name else None
        if path is not None:
            self.read(path)

    def _listing(self, given: Any, *_: Any) -> None:
        path = _path("." if given is None else given)
        if path is None:
            return
        caller = sys._getframe(3).f_code.co_filename  # below: this method, `guarded`, `audit`
        if caller.startswith("<frozen importlib"):
            self.searched(path)
        elif not os.path.isdir(path):
            self.read(path)
        elif self.once("listed", path) and not is_stdlib(path):
            self.write("listed", path, _names_in(path))

    def searched(self, path: str) -> None:
        """Record that modules are looked for in a folder."""
        if self.once("searched", path) and not is_stdlib(path):
            self.write("searched", path)

    def _popen(self, executable: Any, argv: Any, cwd: Any, env: Any) -> None:
        self._child(executable, argv, cwd, env)

    def _spawned(self, executable: Any, argv: Any, env: Any, *_: Any) -> None:
        if not sys._getframe(3).f_code.co_filename.endswith("subprocess.py"):  # counted there
            self._child(executable, argv, None, env)

    def _child(self, executable: Any, argv: Any, cwd: Any, env: Any) -> None:
        listed = [argv] if isinstance(argv, (str, bytes, os.PathLike)) else list(argv)
        parts = [os.fsdecode(part) for part in listed[:_MAX_PARTS]]
        program = parts[0] if executable is None else os.fsdecode(executable)
        given = {
            os.fsdecode(k): os.fsdecode(v) for k, v in (os.environ if env is None else env).items()
        }
        is_watched = (env is None and self._is_inherited) or (
            OWN in given.get("PYTHONPATH", "").split(os.pathsep)
            and bool(given.get(FOLDER_VARIABLE))
        )
        place = os.getcwd() if cwd is None else os.path.abspath(os.fsdecode(cwd))
        self.write("child", program, parts, place, given.get("PATH", ""), is_watched)

    def program(self, name: str) -> None:
        """Record that a program is looked for."""
        if self.once("program", name):
            self.write("program", name)

    def tried(self, name: str) -> None:
        """Record the last part of the name of a module that is looked for."""
        tail = name.rpartition(".")[2]
        if self.once("import", tail):
            self.write("import", tail)

    def variable(self, key: Any) -> None:
        """Record that a variable of the environment is read; None for all of them."""
        place, readers = _readers()
        is_own = self._is_own(readers[0])
        if key is None:
            self._copying = place
            if is_own and self.once("variable", "*"):
                self.write("variable", "*")
        elif place != self._copying:
            name = os.fsdecode(key) if isinstance(key, (str, bytes)) else str(key)
            # The project may ask through a function of the library, such as `expanduser`.
            is_asked = is_own or (name != "PATH" and self._is_own(readers[1]))
            if (is_asked or name not in _ABOUT_THE_PLACE) and self.once("variable", name):
                self.write("variable", name)

    def _is_own(self, filename: str) -> bool:
        if filename.startswith(("<string>", "<stdin>")):
            return True
        return filename.startswith(self._root) and not _is_package(filename)

    def loaded(self) -> None:
        """Record what the interpreter has loaded and searched before this file."""
        for module in list(sys.modules.values()):
            filename = getattr(module, "__file__", None)
            if isinstance(filename, str) and not filename.startswith(OWN):
                self.read(os.path.abspath(filename))
        for folder in [*sys.path_importer_cache, *sys.path]:
            if isinstance(folder, str) and os.path.abspath(folder) != OWN:
                self.searched(os.path.abspath(folder))


def as_json(value: Any) -> str:
    r"""Return None, a boolean, a number, a text or a list of these as JSON.

    >>> print(as_json([1, 'a"b', None, [True]]))
    [1,"a\u0022b",null,[true]]
    """
    if isinstance(value, str):
        return f'"{value.translate(_ESCAPED)}"'
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(as_json, value))}]"
    return {None: "null", True: "true", False: "false"}[value] if _is_word(value) else str(value)


def _is_word(value: Any) -> bool:
    return value is None or isinstance(value, bool)


_ESCAPED: Final = {code: f"\\u{code:04x}" for code in (*range(32), 34, 92)}


def digest(path: str) -> str | None:
    """Return 16 hexadecimal digits of a file; empty if it is missing; None for special files."""
    try:
        mode = STAT(path).st_mode
        if stat.S_ISDIR(mode):
            return "folder"
        if not stat.S_ISREG(mode):
            return None
        from hashlib import sha256  # noqa: PLC0415 - a process of a test does without

        with open(path, "rb") as file:
            found = sha256()
            while chunk := file.read(1 << 20):
                found.update(chunk)
            return found.hexdigest()[:16]
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except PermissionError:
        return "unreadable"


def _path(given: Any) -> str | None:
    """Return an absolute path; None for a number of an open file."""
    if isinstance(given, (str, bytes, os.PathLike)):
        return os.path.abspath(os.fsdecode(given))
    return None


def _is_relative_to_a_descriptor(given: Any) -> bool:
    """Return whether `shutil.rmtree` opens a name in a folder that the event does not tell."""
    caller = sys._getframe(4).f_code.co_filename
    return not os.path.isabs(os.fsdecode(given)) and caller.endswith("shutil.py")


def _source_of(path: str) -> str:
    """Return the source file for a file of bytecode, else the path."""
    if path.endswith(".pyc"):
        try:
            return os.path.abspath(source_from_cache(path))
        except ValueError:
            return path
    return path


def _names_in(path: str) -> list[str]:
    try:
        return sorted(os.listdir(path))
    except PermissionError:  # the program gets the same error
        return []


def _is_package(path: str) -> bool:
    return any(part in path + os.sep for part in _PACKAGES)


def is_stdlib(path: str) -> bool:
    """Return whether a path belongs to the standard library."""
    if path.endswith(".zip") and os.path.dirname(path) == os.path.dirname(_STDLIB[:-1]):
        return True
    return (path + os.sep).startswith(_STDLIB) and not _is_package(path)


def _readers() -> tuple[tuple[int, int], list[str]]:
    """Return where the environment is read: frame and instruction, and the two nearest files."""
    found = []
    for frame in _frames():
        if not _is_between(frame.f_code.co_filename):
            found.append(frame)
            if len(found) == 2:
                break
    files = [frame.f_code.co_filename for frame in found] + ["", ""]
    place = (id(found[0]), found[0].f_lasti) if found else (0, 0)
    return place, files[:2]


def _is_between(filename: str) -> bool:
    return filename in _BETWEEN or filename.startswith(OWN)


def _frames() -> Iterator[Any]:
    frame = sys._getframe(1)
    while frame is not None:
        yield frame
        frame = frame.f_back  # type: ignore[assignment]
