"""Write down what a Python process uses that a test starts, and leave no trace in the process.

The file is loaded beside `process_recorder`, under the same conditions.
"""

from __future__ import annotations

import os
import stat
import sys

TYPE_CHECKING = False  # `typing` takes longer to import than everything else here
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any


def hidden_recorder(recording: ModuleType) -> Any:  # noqa: C901 - a class inside
    """Return the class of recorders for processes of tests.

    Args:
        recording: the module `process_recorder`, which cannot be imported by its name here.
    """
    base: Any = recording.Recorder

    class HiddenRecorder(base):  # type: ignore[misc] # known when it runs
        """Records a process that a test starts, and leaves no trace that the program may notice.

        The last line says that the record is complete.
        """

        def __init__(self, folder: str, root: str) -> None:
            super().__init__(folder, root)
            self._content = version
            self._is_inherited = True
            self._is_complete = not sys.flags.no_site  # else it begins late
            self._names: set[str] = set()
            self._handlers |= {
                "os.fork": lambda: self.write("forks"),
                "os.forkpty": lambda: self.write("forks"),
                "os.putenv": self._sets,
                "os.unsetenv": self._sets,
            }

        def write(self, kind: str, *values: Any) -> None:
            """Add a line; a record without one of its lines is not complete."""
            try:
                super().write(kind, *values)
            except BaseException:
                self._is_complete = False
                raise

        def loaded(self) -> None:
            """Record what was loaded as part of the environment, unless the project owns a file."""
            for module in list(sys.modules.values()):
                filename = getattr(module, "__file__", None)
                if isinstance(filename, str) and not filename.startswith(recording.OWN):
                    path = os.path.abspath(filename)
                    if not recording.is_stdlib(path):
                        self.write("loaded", path)

        def searched(self, path: str) -> None:
            """Count the names of missing modules instead."""

        def tried(self, name: str) -> None:
            """Keep the name of a module that is looked for."""
            self._names.add(name)

        def end(self) -> None:
            """Write the last line."""
            self.guarded(self._end)

        def _end(self) -> None:
            for name in sorted(self._names - sys.modules.keys()):
                self.write("missing", name)
            if self._is_complete:
                self.write("end")

        def _sets(self, key: Any, *_: Any) -> None:
            if os.fsdecode(key) in (
                "PYTHONPATH",
                recording.FOLDER_VARIABLE,
                recording.PATH_VARIABLE,
            ):
                self._is_inherited = self._is_complete = False

    return HiddenRecorder


_stat = os.stat  # before it is replaced


def version(path: str) -> str | None:
    """Return times and size of a file; otherwise as `process_recorder.digest`."""
    try:
        found = _stat(path)
    except (OSError, ValueError):
        return ""
    if stat.S_ISDIR(found.st_mode):
        return "folder"
    if not stat.S_ISREG(found.st_mode):
        return None
    return f"{found.st_mtime_ns}:{found.st_size}:{found.st_ctime_ns}"
