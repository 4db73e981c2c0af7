"""Divide a Python file into blocks, and give each block a digest that its position does not change.

A block is a function at the level of a module or of a class, with everything nested in it. What
runs at import is the module level: constants, class bodies, decorators, defaults, annotations,
signatures and docstrings. The digests cover compiled code without positions: comments, blank lines
and moved code do not count. They hold for one minor version of Python.
"""

from __future__ import annotations

import marshal
import opcode
import sys
from hashlib import sha256
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

Imports = tuple[tuple[int, str, tuple[str, ...]], ...]
"""Import statements: level, module, and the names after `import`; `import a.b` has no names."""

MODULE_LEVEL: Final = ""
"""The key of the module level among the blocks of a file."""

DIGEST_CHARS: Final = 16

_OPTIMIZED: Final = 0x1  # CO_OPTIMIZED: functions have it; modules and class bodies have not
_HAS_DOCSTRING: Final = 0x4000000  # CO_HAS_DOCSTRING, of CPython 3.14
_GENERIC: Final = "<generic parameters of "
_LOAD_CONST: Final = opcode.opmap["LOAD_CONST"]
_SMALL_INT: Final = opcode.opmap.get("LOAD_SMALL_INT", -1)
_STORE_NAME: Final = opcode.opmap["STORE_NAME"]
_IMPORT_NAME: Final = opcode.opmap["IMPORT_NAME"]
_CACHE: Final = opcode.opmap["CACHE"]
_EXTENDED: Final = opcode.EXTENDED_ARG
_POSITIONAL: Final = frozenset({"__firstlineno__", "__static_attributes__"})
"""Names that the compiler stores in class bodies: positions, and a summary of method bodies."""
_PYC_HEADER_BYTES: Final = 16


class FileBlocks(NamedTuple):
    """The blocks of one version of a file."""

    module: str
    """Digest of the module level."""
    blocks: dict[str, str]
    """Digest by the name of the block without the file: `Class.method`, `f#2`."""
    imports: dict[str, Imports]
    """Import statements by the name of the block; blocks without imports are left out."""


def digest(*parts: bytes) -> str:
    """Return the 16 hexadecimal digits that stand for a content."""
    made = sha256()
    for part in parts:
        made.update(len(part).to_bytes(8, "little"))
        made.update(part)
    return made.hexdigest()[:DIGEST_CHARS]


def read_blocks(source: bytes, path: str) -> FileBlocks | None:
    """Return the blocks of a source, or None if it does not compile.

    Args:
        source: the bytes of the file.
        path: names the file in warnings of the compiler; nothing else depends on it.
    """
    import warnings  # noqa: PLC0415 - where a source is compiled

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = compile(source, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None
    return blocks_of(code)


def compiled_blocks(path: Path) -> FileBlocks | None:
    """Return the blocks from the bytecode that Python keeps beside a file, if it is up to date."""
    try:
        stat = path.stat()
        data = Path(cache_from_source(str(path))).read_bytes()
        is_timed = data[4:8] == b"\0\0\0\0"
        newest = int.from_bytes(data[8:12], "little") == int(stat.st_mtime) & 0xFFFFFFFF
        same = int.from_bytes(data[12:16], "little") == stat.st_size & 0xFFFFFFFF
        if data[:4] != MAGIC_NUMBER or not (is_timed and newest and same):
            return None
        code = marshal.loads(data[_PYC_HEADER_BYTES:])  # noqa: S302 - what Python itself is to run
    except (OSError, ValueError, EOFError, TypeError, NotImplementedError):
        return None
    return blocks_of(code) if isinstance(code, CodeType) else None


def blocks_of(code: CodeType) -> FileBlocks:
    """Return the blocks of the compiled code of a module."""
    blocks: dict[str, str] = {}
    imports: dict[str, Imports] = {}
    for name, block in named_blocks(code):
        blocks[name] = digest(_whole(block))
        found = tuple(_imports_of(block))
        if found:
            imports[name] = found
    at_import = tuple(_imports_of(code, enters_functions=False))
    if at_import:
        imports[MODULE_LEVEL] = at_import
    return FileBlocks(digest(_module_level(code)), blocks, imports)


def named_blocks(code: CodeType) -> Iterator[tuple[str, CodeType]]:
    """Yield each function at the level of the module or of a class, with its name in the file.

    The second function of a name is `name#2`, in the order of the file.
    """
    seen: dict[str, int] = {}
    for function in _functions(code):
        name = function.co_qualname
        number = seen[name] = seen.get(name, 0) + 1
        yield (name if number == 1 else f"{name}#{number}"), function


def nested_code(code: CodeType) -> Iterator[CodeType]:
    """Yield a code object and all code objects in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from nested_code(constant)


def runs_at_import(code: CodeType) -> Iterator[CodeType]:
    """Yield the code objects of the module level: class bodies, lambdas, comprehensions."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if _is_transparent(constant):
                yield from runs_at_import(constant)
            elif not _is_block(constant):
                yield from nested_code(constant)


def _functions(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if _is_transparent(constant):
                yield from _functions(constant)
            elif _is_block(constant):
                yield constant


def _is_transparent(code: CodeType) -> bool:
    """Return whether a code is a class body, or the type parameters of a function or class."""
    return not code.co_flags & _OPTIMIZED or code.co_name.startswith(_GENERIC)


def _is_block(code: CodeType) -> bool:
    name = code.co_name
    return not name.startswith("<") and name != "__annotate__"


def _whole(code: CodeType) -> bytes:
    """Return everything of a function but positions and its own docstring."""
    constants = list(code.co_consts)
    if docstring_of(code) is not None:
        constants[0] = None
    return _described(code, code.co_code, constants)


def _described(code: CodeType, body: object, constants: list[object]) -> bytes:
    shape = (
        code.co_name,
        code.co_argcount,
        code.co_posonlyargcount,
        code.co_kwonlyargcount,
        code.co_flags & ~_HAS_DOCSTRING,
        code.co_names,
        code.co_varnames,
        code.co_cellvars,
        code.co_freevars,
        body,
        code.co_exceptiontable,
    )
    return f"{shape!r}{''.join(map(_constant, constants))}".encode("utf-8", "surrogatepass")


def docstring_of(code: CodeType) -> str | None:
    """Return the docstring of a function; None for other code."""
    if not code.co_flags & _OPTIMIZED or code.co_name.startswith("<") or not code.co_consts:
        return None
    if sys.version_info >= (3, 14) and not code.co_flags & _HAS_DOCSTRING:
        return None
    first = code.co_consts[0]
    return first if isinstance(first, str) else None


def _constant(value: Any) -> str:
    """Return a constant as text; equal for equal constants under every hash seed."""
    if isinstance(value, CodeType):
        return f"<{_nested(value)}>"
    if isinstance(value, tuple):
        return f"({','.join(map(_constant, value))})"
    if isinstance(value, frozenset):
        return f"{{{','.join(sorted(map(_constant, value)))}}}"
    return f"{value!r};"


def _nested(code: CodeType) -> str:
    """Return the digest of a code object inside a function, with its docstring."""
    if not code.co_flags & _OPTIMIZED:
        return digest(_described(code, *_class_body(code)))
    return digest(_described(code, code.co_code, list(code.co_consts)))


def _class_body(code: CodeType) -> tuple[object, list[object]]:
    """Return the instructions and the constants of a class body, without stored positions."""
    positional = _positional_loads(code)
    if not positional:
        return code.co_code, list(code.co_consts)
    kept: list[object] = []
    for place, operation, argument in instructions(code):
        if place in positional:
            continue
        if operation == _LOAD_CONST:
            constant = code.co_consts[argument]
            kept.append((operation, "" if isinstance(constant, CodeType) else _constant(constant)))
        else:
            kept.append((operation, argument))
    return kept, [one for one in code.co_consts if isinstance(one, CodeType)]


def _positional_loads(code: CodeType) -> set[int]:
    """Return the places of the instructions that load what `_POSITIONAL` names are set to."""
    wanted = {i for i, name in enumerate(code.co_names) if name in _POSITIONAL}
    places: set[int] = set()
    if wanted:
        before = -1
        for place, operation, argument in instructions(code):
            if operation == _STORE_NAME and argument in wanted:
                places.add(before)
            before = place
    return places


def _module_level(code: CodeType) -> bytes:
    """Return everything that runs at import, with signatures and docstrings of functions."""
    constants = list[object](code.co_consts)
    body: object = code.co_code
    if not code.co_flags & _OPTIMIZED:
        body, constants = _class_body(code)
    parts = [_described(code, body, [c for c in constants if not isinstance(c, CodeType)])]
    for constant in constants:
        if isinstance(constant, CodeType):
            if _is_transparent(constant):
                parts.append(_module_level(constant))
            elif _is_block(constant):
                parts.append(_signature(constant))
            else:
                parts.append(_nested(constant).encode())
    return digest(*parts).encode()


def _signature(code: CodeType) -> bytes:
    n_arguments = code.co_argcount + code.co_kwonlyargcount
    n_arguments += bool(code.co_flags & 0x4) + bool(code.co_flags & 0x8)
    shape = (
        code.co_qualname,
        code.co_argcount,
        code.co_posonlyargcount,
        code.co_kwonlyargcount,
        code.co_flags & ~_HAS_DOCSTRING,
        code.co_varnames[:n_arguments],
        code.co_freevars,
        docstring_of(code),
    )
    return repr(shape).encode("utf-8", "surrogatepass")


def instructions(code: CodeType) -> Iterator[tuple[int, int, int]]:
    """Yield place, operation and argument of each instruction; room for caches is left out."""
    extended = 0
    bytecode = code.co_code
    for place in range(0, len(bytecode), 2):
        operation, argument = bytecode[place], bytecode[place + 1] | extended
        if operation == _EXTENDED:
            extended = argument << 8
            continue
        extended = 0
        if operation != _CACHE:
            yield place, operation, argument


def _imports_of(
    code: CodeType, *, enters_functions: bool = True
) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    if _IMPORT_NAME in code.co_code[::2]:
        loaded: list[Any] = [0, None]
        for _, operation, argument in instructions(code):
            if operation == _LOAD_CONST:
                loaded.append(code.co_consts[argument])
            elif operation == _SMALL_INT:
                loaded.append(argument)
            elif operation == _IMPORT_NAME:
                level, names = loaded[-2], loaded[-1]
                yield (
                    level if isinstance(level, int) else 0,
                    code.co_names[argument],
                    names if isinstance(names, tuple) else (),
                )
    for constant in code.co_consts:
        if isinstance(constant, CodeType) and (
            enters_functions or _is_transparent(constant) or not _is_block(constant)
        ):
            yield from _imports_of(constant, enters_functions=enters_functions)
