"""Ask users' hooks for the files that tests depend on."""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from pytest_nexus.session.hooks.user_hooks import UserHooks

DEPENDENCIES: Final = "pytest_nexus_dependencies"

_MAX_FILES: Final = 200
"""Limit per test. A test that depends on more files counts as dependent on every file."""


def dependencies(hooks: UserHooks) -> Callable[[pytest.Item], tuple[str, ...]] | None:
    """Return a function that gives the files on which an item depends; None if no hook knows.

    Paths are relative to the rootdir, with `/`.
    """
    if not hooks.has(DEPENDENCIES):
        return None

    def of(item: pytest.Item) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for paths in hooks.results(DEPENDENCIES, item.ihook, item=item):
            usable = _paths(paths)
            if usable is None:
                hooks.refuse(DEPENDENCIES, paths)
            else:
                found.update((_relative(path, item.config.rootpath), None) for path in usable)
        return tuple(found)[:_MAX_FILES]

    return of


def _paths(value: Any) -> list[str] | None:
    """Return the paths as strings; None for a value that is not a collection of paths."""
    if not isinstance(value, list | tuple | set | frozenset):
        return None
    if not all(isinstance(path, str | PurePath) for path in value):
        return None
    return [os.fspath(path) for path in value]


def _relative(path: str, root: PurePath) -> str:
    pure = PurePath(os.path.normpath(root / path))
    return (pure.relative_to(root) if pure.is_relative_to(root) else pure).as_posix()
