"""Find the code whose import statements may now find a new module.

`try: from app import _speed` imports nothing until a file `_speed.py` appears. No content changes
then, and nevertheless the code does something else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from pytest_nexus.domain.dependencies import Dependency
    from pytest_nexus.impact.current_contents import CurrentContents

_Module = tuple[bool, str]
"""A module by its path (True) or by its dotted name (False)."""


def importers(
    new: Collection[str], dependencies: Mapping[int, Dependency], contents: CurrentContents
) -> dict[str, frozenset[int]]:
    """Return, for each new Python file, the ids of the code that may import the file.

    Args:
        new: paths of new Python files, relative to the root.
        dependencies: by id, as the history knows them.
        contents: reads the sources.
    """
    paths: dict[_Module, set[str]] = {}
    for path in new:
        for module in _names_of(path):
            paths.setdefault(module, set()).add(path)
    found: dict[str, set[int]] = {path: set() for path in new}
    for number, each in dependencies.items() if found else ():
        for module in _imported(each, contents):
            for path in paths.get(module, ()):
                found[path].add(number)
    return {path: frozenset(numbers) for path, numbers in found.items()}


def _imported(code: Dependency, contents: CurrentContents) -> Iterator[_Module]:
    """Yield the modules that the import statements of some code may import."""
    path, _, block = code.name.partition("::")
    if code.kind not in ("block", "module", "file") or not path.endswith(".py"):
        return
    blocks = contents.blocks(path)
    imports = {} if blocks is None else blocks.imports
    wanted = imports if code.kind == "file" else [block]  # another process may run all of a file
    for each in wanted:
        for statement in imports.get(each, ()):
            yield from _candidates(path, statement)


def _names_of(path: str) -> Iterator[_Module]:
    """Yield the names under which a file may be imported."""
    parts = _module_parts(path)
    yield True, "/".join(parts)
    for start in range(len(parts)):
        yield False, ".".join(parts[start:])


def _module_parts(path: str) -> list[str]:
    parts = path.removesuffix(".py").split("/")
    return parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts


def _candidates(path: str, statement: tuple[int, str, tuple[str, ...]]) -> Iterator[_Module]:
    """Yield the modules that a statement may import."""
    level, module, names = statement
    parts = module.split(".") if module else []
    if level:
        folder = path.split("/")[:-level] if level <= path.count("/") + 1 else []
        for stop in range(1, len(parts) + 1):
            yield True, "/".join([*folder, *parts[:stop]])
        yield from ((True, "/".join([*folder, *parts, name])) for name in names)
        return
    for stop in range(1, len(parts) + 1):
        yield False, ".".join(parts[:stop])
    yield from ((False, ".".join([*parts, name])) for name in names)
