"""Read the identifiers of each test, and the imports of its file."""

from __future__ import annotations

import ast
from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.evidence import TestText
from pytest_nexus.domain.system import clock
from pytest_nexus.domain.system.regular_files import read_text
from pytest_nexus.impact.changed_identifiers import IDENTIFIER
from pytest_nexus.impact.import_graph import ImportGraph

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from pytest_nexus.domain.evidence import ChangedWords

BUDGET_S: Final = 1.0
"""Seconds for all files of a session; the tests of unread files are judged by name and path."""

MAX_FILE_BYTES: Final = 1_000_000


def read_code(
    root: Path,
    paths: Iterable[str],
    words: Mapping[str, ChangedWords],
    sources: Collection[str],
    declared: Mapping[str, Collection[str]] = MappingProxyType({}),
    budget_s: float = BUDGET_S,
) -> dict[str, TestText]:
    """Return the code of the test files that matters for a change; never raises.

    Args:
        root: the folder to which paths are relative.
        paths: the test files.
        words: by changed file, the identifiers on its changed lines; a test file without any of
            these identifiers is not parsed.
        sources: the changed files that are not test files.
        declared: by test file, other files that it depends on; they count as imports.
        budget_s: seconds after which the remaining files are not read.
    """
    deadline = clock.perf_counter() + budget_s
    wanted = frozenset(name for changed in words.values() for name in changed.words)
    texts = _Texts(root)
    graph = ImportGraph(root, texts.get)
    found = {}
    for path in dict.fromkeys(paths):
        if clock.perf_counter() > deadline:
            break
        text = texts.get(path)
        if text is None:
            continue
        distances = graph.distances(path, sources) if sources else {}
        distances |= {file: 1 for file in declared.get(path, ()) if file in sources}
        says = _identifiers(text) if wanted.intersection(IDENTIFIER.findall(text)) else {}
        found[path] = TestText(graph.imports(path), says, distances)
    return found


class _Texts:
    """The texts of files, each read once; None for a file that is not text or too large."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[str, str | None] = {}

    def get(self, path: str) -> str | None:
        if path not in self._known:
            self._known[path] = self._read(path)
        return self._known[path]

    def _read(self, path: str) -> str | None:
        try:
            if not path.endswith(".py"):
                return None
            return read_text(self._root / path, MAX_FILE_BYTES, errors="replace")
        except (OSError, ValueError):
            return None


def _identifiers(text: str) -> dict[str, Counter[str]]:
    """Return the identifiers of each test function by name; empty if the file does not parse."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    lines = text.splitlines()
    return {
        name: _of_function("\n".join(lines[start - 1 : end]), name)
        for name, start, end in _functions(tree.body, "")
    }


def _of_function(text: str, name: str) -> Counter[str]:
    """Return the identifiers of a function, and the names of its enclosing classes."""
    return Counter([*IDENTIFIER.findall(text), *name.split("::")[:-1]])


def _functions(body: Iterable[ast.stmt], prefix: str) -> Iterator[tuple[str, int, int]]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{prefix}{node.name}::")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{prefix}{node.name}", node.lineno, node.end_lineno or node.lineno
