"""Find the line on which a test is defined, from its file."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.identity import key_of_nodeid
from pytest_nexus.domain.system.regular_files import read_bytes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_MAX_BYTES: Final = 2 * 1024 * 1024
_WRONG: Final = (OSError, SyntaxError, ValueError, RecursionError, MemoryError)


def locator(root: Path) -> Callable[[str], int | None]:
    """Return a function from a node id to the line of the test; the line is None if not found.

    Only plain files inside `root` are read, and no file is executed: node ids come from journals,
    which may contain any text.
    """

    @cache
    def definitions(path: str) -> dict[str, int]:
        pure = PurePosixPath(path)
        file = root / pure
        try:
            if pure.is_absolute() or not file.resolve().is_relative_to(root.resolve()):
                return {}
            return dict(_lines(ast.parse(read_bytes(file, _MAX_BYTES)), ""))
        except _WRONG:
            return {}

    def line(nodeid: str) -> int | None:
        path, _, rest = key_of_nodeid(nodeid).partition("::")
        return definitions(path).get(rest.partition("[")[0])

    return line


def _lines(node: ast.AST, prefix: str) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append((prefix + child.name, child.lineno))
        elif isinstance(child, ast.ClassDef):
            found.append((prefix + child.name, child.lineno))
            found += _lines(child, f"{prefix}{child.name}::")
    return found
