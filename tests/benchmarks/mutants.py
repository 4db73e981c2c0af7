"""Small changes of a project's files, each of a kind that tests may depend on."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

KINDS: Final = (
    "function body",
    "statement",
    "module constant",
    "default",
    "class attribute",
    "decorator",
    "data file",
)
_MAX_DATA_BYTES: Final = 1_000_000
_NOT_DATA: Final = (".py", ".pyc", ".pyi", ".typed", ".md", ".rst", ".c", ".sh", ".in")
_SOURCES_EACH: Final = 3
"""Of four mutants three change the sources, and one changes the tests or their data."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Mutant:
    """One changed file."""

    kind: str
    path: str
    """Relative to the root of the project."""
    line: int
    content: bytes
    """Of the whole file."""


@dataclass(frozen=True, slots=True)
class _Edit:
    """The replacement of a piece of a source."""

    kind: str
    node: ast.AST
    text: str


def choose_mutants(root: Path, count: int, seed: int) -> list[Mutant]:
    """Return mutants of all kinds, as far as the files have them; equal for equal arguments.

    Args:
        root: of the project; its sources lie in `src/`, or in the folder of its name before `-`;
            its tests lie in `tests/`.
        count: number of mutants.
        seed: of the choice.
    """
    random = Random(seed)
    folder = root / "src"
    package = folder if folder.is_dir() else root / root.name.partition("-")[0]
    sources = _by_kind(root, sorted(package.rglob("*")))
    tests = _by_kind(root, sorted((root / "tests").rglob("*")))
    for found in (sources, tests):
        for each in found.values():
            random.shuffle(each)
    chosen: list[Mutant] = []
    for turn in range(count * 20):
        kind = KINDS[turn % len(KINDS)]
        is_source = turn // len(KINDS) % (_SOURCES_EACH + 1) < _SOURCES_EACH
        first, second = (sources, tests) if is_source else (tests, sources)
        pool = first.get(kind) or second.get(kind)
        if pool and len(chosen) < count:
            chosen.append(pool.pop())
    return chosen


def _by_kind(root: Path, paths: Iterable[Path]) -> dict[str, list[Mutant]]:
    found: dict[str, list[Mutant]] = {}
    for path in paths:
        if not path.is_file() or "__pycache__" in path.parts:
            continue
        name = path.relative_to(root).as_posix()
        for mutant in mutants_of(path, name) if path.suffix == ".py" else _of_data(path, name):
            found.setdefault(mutant.kind, []).append(mutant)
    return found


def _of_data(path: Path, name: str) -> Iterator[Mutant]:
    if path.suffix in _NOT_DATA or not 0 < path.stat().st_size < _MAX_DATA_BYTES:
        return
    content = path.read_bytes()
    yield Mutant("data file", name, 1, content + b"\nmutant\n")
    yield Mutant("data file", name, 1, content[: len(content) // 2])


def mutants_of(path: Path, name: str) -> Iterator[Mutant]:
    """Yield the mutants of a Python file that compile."""
    source = path.read_bytes()
    lines = source.splitlines(keepends=True)
    for edit in _edits(ast.parse(source)):
        changed = _replaced(lines, edit)
        try:
            compile(changed, name, "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            continue
        yield Mutant(edit.kind, name, getattr(edit.node, "lineno", 0), changed)


def _replaced(lines: list[bytes], edit: _Edit) -> bytes:
    node = edit.node
    assert isinstance(node, ast.expr | ast.stmt)
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    before = b"".join(lines[: node.lineno - 1]) + lines[node.lineno - 1][: node.col_offset]
    after = lines[node.end_lineno - 1][node.end_col_offset :] + b"".join(lines[node.end_lineno :])
    return before + edit.text.encode() + after


def _edits(tree: ast.Module) -> Iterator[_Edit]:
    yield from _constants("module constant", tree.body)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield from _constants("class attribute", node.body)
        if isinstance(node, ast.ClassDef | _Function):
            yield from _decorators(node)
        if isinstance(node, _Function):
            yield from _of_function(node)


def _of_function(function: _Function) -> Iterator[_Edit]:
    arguments = function.args
    for default in (*arguments.defaults, *arguments.kw_defaults):
        if default is not None:
            yield from _values("default", default)
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    if body:
        whole = ast.Pass(
            lineno=body[0].lineno,
            col_offset=body[0].col_offset,
            end_lineno=body[-1].end_lineno,
            end_col_offset=body[-1].end_col_offset,
        )
        yield _Edit("function body", whole, "return None")
    for statement in body:
        for node in ast.walk(statement):
            yield from _statements(node)


def _statements(node: ast.AST) -> Iterator[_Edit]:
    """Yield small changes inside a body."""
    if isinstance(node, ast.If | ast.While):
        yield _Edit("statement", node.test, f"(not ({ast.unparse(node.test)}))")
    elif isinstance(node, ast.Return) and node.value is not None:
        yield _Edit("statement", node.value, "None")
    elif isinstance(node, ast.Constant) and type(node.value) in (int, bool):
        yield from _values("statement", node)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield _Edit("statement", node, "pass")


def _constants(kind: str, body: Iterable[ast.stmt]) -> Iterator[_Edit]:
    for statement in body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            yield from _values(kind, statement.value)


def _values(kind: str, expression: ast.expr) -> Iterator[_Edit]:
    """Yield a change of each constant in an expression, and of a container as a whole."""
    for node in ast.walk(expression):
        if isinstance(node, ast.Constant):
            yield _Edit(kind, node, _other(node.value))
        elif isinstance(node, ast.Dict | ast.List) and node is expression:
            yield _Edit(kind, node, "{}" if isinstance(node, ast.Dict) else "[]")


def _other(value: object) -> str:
    """Return the text of a constant of the same type that differs.

    >>> _other(3), _other("a"), _other(None)
    ('4', "'amutant'", '7')
    """
    if isinstance(value, bool):
        return repr(not value)
    if isinstance(value, int | float | complex):
        return repr(value + 1)
    if isinstance(value, str):
        return repr(value + "mutant")
    if isinstance(value, bytes):
        return repr(value + b"mutant")
    return "7"


def _decorators(node: ast.ClassDef | _Function) -> Iterator[_Edit]:
    """Yield the removal of each decorator: an identity takes its place."""
    for decorator in node.decorator_list:
        yield _Edit("decorator", decorator, "(lambda decorated: decorated)")
