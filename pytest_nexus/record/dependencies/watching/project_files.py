"""Tell the files of the project from those of Python and of installed distributions."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from types import FrameType

_IGNORED_PARTS: Final = frozenset(
    {
        "__pycache__",
        ".git",
        ".hg",
        ".hypothesis",
        ".mypy_cache",
        ".nexus",
        ".nox",
        ".pytest_cache",
        ".ruff_cache",
        ".tox",
        "node_modules",
        "site-packages",
    }
)
_SOURCES: Final = (".py", ".pyw")
_NEXUS: Final = str(Path(__file__).parents[3]) + os.sep
_PYTEST_IMPORTS: Final = f"{os.sep}_pytest{os.sep}pathlib.py"
"""The end of the path of the file that imports modules of tests."""
_real: Final = os.path.realpath
_is_file: Final = os.path.isfile
_is_link: Final = os.path.islink
_folder: Final = os.path.dirname
_join: Final = os.path.join  # suites patch pathlib
_is_absolute: Final = os.path.isabs
_getcwd: Final = os.getcwd


class ProjectFiles:
    """Knows which files belong to the project below a root.

    Args:
        root: pytest's root directory.
    """

    def __init__(self, root: str) -> None:
        self.root = _real(root)
        self._prefix = self.root + os.sep
        others = {sys.prefix, sys.exec_prefix, *sysconfig.get_paths().values()}
        self._foreign = tuple(
            _real(one) + os.sep for one in others if _real(one).startswith(self._prefix)
        )
        self._known: dict[str, str | None] = {}
        self._sources: dict[str, str | None] = {}
        self._outside: dict[str, bool] = {}
        """Whether a folder with sources, with links followed, lies outside the root."""
        self._roots: set[str] = set()
        """Paths that lead to the root itself."""

    def relative(self, path: str) -> str | None:
        """Return a path below the root with `/`; None for a file that is not the project's."""
        try:
            return self._known[path]
        except KeyError:
            found = self._known[path] = self._find(path)
            return found

    def source(self, filename: str) -> str | None:
        """Return the path of a Python file of the project below the root, as `relative`.

        Generated code may name a file of another kind, a template for example. Code in a zip file
        has no file of its own.
        """
        try:
            return self._sources[filename]
        except KeyError:
            is_ours = filename.endswith(_SOURCES) and not self._lies_outside(filename)
            found = self.relative(filename) if is_ours and _is_file(filename) else None
            self._sources[filename] = found
            return found

    def _lies_outside(self, filename: str) -> bool:
        """Return whether a file that is no link lies in a folder outside the root.

        To follow the links of each folder once is much cheaper than to follow those of each file.
        """
        if not _is_absolute(filename):
            return False
        folder = _folder(filename)
        if folder not in self._outside:
            try:
                inside = f"{_real(folder)}{os.sep}".startswith(self._prefix)
            except (OSError, ValueError):
                inside = False
            self._outside[folder] = not inside
        return self._outside[folder] and not _is_link(filename)

    def _find(self, path: str) -> str | None:
        if path.startswith("<") or not path:
            return None
        try:
            full = _real(path)
        except (OSError, ValueError):
            return None
        if full == self.root:
            self._roots.add(path)
        if full.startswith(self._foreign) or not full.startswith(self._prefix):
            return None
        found = full[len(self._prefix) :].replace(os.sep, "/")
        return None if _IGNORED_PARTS.intersection(found.split("/")) else found

    def opened(self, path: str) -> str | None:
        """Return the relative path of a file or folder that the process names, as `relative`.

        The root itself is `.`.
        """
        if not _is_absolute(path):
            try:
                path = _join(_getcwd(), path)
            except OSError:
                return None  # the current folder was removed, and nothing is in it
        found = self.relative(path)
        return "." if found is None and path in self._roots else found

    def of_module(self, module: object) -> str | None:
        """Return the relative path of the file of a module; None if it is not the project's."""
        name = attribute(module, "__file__")
        if not isinstance(name, str) or self._lies_outside(name):
            return None
        return self.relative(name)

    def nearest(self, frame: FrameType | None) -> FrameType | None:
        """Return the nearest frame that runs code of the project; None if there is none.

        None also if nexus acts: a project that pytest itself runs on, such as pluggy, calls nexus.
        """
        known = self._sources
        while frame is not None:
            name = frame.f_code.co_filename
            if (known[name] if name in known else self.source(name)) is not None:
                return frame
            if name.startswith(_NEXUS):
                return None
            frame = frame.f_back
        return None

    def importer(self, frame: FrameType | None) -> FrameType | None:
        """Return the nearest frame of the project if its code imports something.

        None if pytest imports a module of tests: a project that pytest itself runs on, such as
        pluggy, calls pytest, and no code of this project needs that module.
        """
        acting = self.nearest(frame)
        while frame is not acting and frame is not None:
            if frame.f_code.co_filename.endswith(_PYTEST_IMPORTS):
                return None
            frame = frame.f_back
        return acting

    def nearest_import(self, frame: FrameType | None) -> str | None:
        """Return the file of the nearest frame that is importing; None if nothing is imported."""
        known = self._sources
        while frame is not None:
            code = frame.f_code
            if code.co_name == "<module>":
                name = code.co_filename
                found = known[name] if name in known else self.source(name)
                if found is not None:
                    return found
            frame = frame.f_back
        return None

    def imports_others(self, frame: FrameType | None) -> bool:
        """Return whether a module that is not the project's is importing, nearer than project code.

        What such an import does depends on its distribution and on the platform.
        """
        while frame is not None:
            code = frame.f_code
            if self.source(code.co_filename) is not None:
                return False
            if code.co_name == "<module>":
                return True
            frame = frame.f_back
        return False


def attribute(module: object, name: str) -> Any:
    """Return an attribute of a module; run none of its code.

    `sys.modules` may hold any object. A module may be loaded when an attribute is asked for.
    """
    if not issubclass(type(module), ModuleType):
        return None
    return object.__getattribute__(module, "__dict__").get(name)
