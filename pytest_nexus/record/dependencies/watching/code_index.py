"""Know the block to which each code object of the project belongs."""

from __future__ import annotations

import gc
import os
from types import CodeType, FunctionType
from typing import TYPE_CHECKING

from pytest_nexus.domain.system.originals import identity_of, open_file
from pytest_nexus.impact.code_blocks import named_blocks, nested_code

if TYPE_CHECKING:
    from pytest_nexus.record.dependencies.watching.project_files import ProjectFiles

_stat = os.stat


class CodeIndex:
    """Maps code objects to the names of their blocks.

    Code objects are found by identity: equal code objects compare equal, and comparing is slow.

    Args:
        files: tells which code is the project's.
    """

    def __init__(self, files: ProjectFiles) -> None:
        self._files = files
        self._numbers: dict[str, int] = {}
        self.known: dict[int, CodeType] = {}
        """The code objects by their identity, which stays in use."""
        self.blocks: dict[int, int] = {}
        """The number of the block by the identity of a code object."""
        self.names: list[str] = []
        """The name of each block, `src/a.py::Class.method`, by its number."""
        self.codes: list[list[CodeType]] = []
        """The outermost code objects of each block by its number; several after a reload."""
        self.versions: dict[str, tuple[int, int] | None] = {}
        """Time of modification in nanoseconds and size of each file when it was first executed."""

    def add_module(self, code: CodeType, path: str) -> list[CodeType]:
        """Add the code of a module that is about to be executed; return its functions' code.

        Args:
            code: of the module.
            path: of its file, relative to the root.
        """
        self._note_version(path, code.co_filename)
        added: list[CodeType] = []
        for name, block in named_blocks(code):
            added += self._add(f"{path}::{name}", block)
        return added

    def add_loaded(self) -> list[CodeType]:
        """Add the functions of the project that exist already; return their code."""
        found: dict[str, list[CodeType]] = {}
        for one in gc.get_objects():
            if type(one) is FunctionType and identity_of(one.__code__) not in self.blocks:
                path = self._files.source(one.__code__.co_filename)
                if path is not None and "<locals>" not in one.__code__.co_qualname:
                    found.setdefault(path, []).append(one.__code__)
        added: list[CodeType] = []
        for path, codes in found.items():
            self._note_version(path, codes[0].co_filename)
            places = _places(codes[0].co_filename)
            for code in codes:
                if identity_of(code) not in self.blocks:
                    qualname = code.co_qualname
                    name = places.get((qualname, code.co_firstlineno), qualname)
                    added += self._add(f"{path}::{name}", code)
        return added

    def is_unchanged(self, path: str) -> bool:
        """Return whether a file is as it was when it was executed."""
        known = self.versions.get(path)
        return known is not None and known == _version(f"{self._files.root}/{path}")

    def _note_version(self, path: str, filename: str) -> None:
        if path not in self.versions:
            self.versions[path] = _version(filename)

    def _add(self, name: str, block: CodeType) -> list[CodeType]:
        number = self._numbers.get(name)
        if number is None:
            number = self._numbers[name] = len(self.names)
            self.names.append(name)
            self.codes.append([])
        self.codes[number].append(block)
        added = list(nested_code(block))
        for code in added:
            self.known[identity_of(code)] = code
            self.blocks[identity_of(code)] = number
        return added


def _version(filename: str) -> tuple[int, int] | None:
    try:
        stat = _stat(filename)
    except (OSError, ValueError):
        return None
    return stat.st_mtime_ns, stat.st_size


def _places(filename: str) -> dict[tuple[str, int], str]:
    """Return the names of the blocks of a file by qualified name and first line."""
    try:
        with open_file(filename, "rb") as file:
            code = compile(file.read(), filename, "exec", dont_inherit=True)
    except (OSError, SyntaxError, ValueError):
        return {}
    return {(one.co_qualname, one.co_firstlineno): name for name, one in named_blocks(code)}
