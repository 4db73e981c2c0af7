"""Notice modules that code imports by name, with `import_module` or `__import__`.

A module that is imported already raises no audit event. The calls are watched instead: those of
`import_module`, and those in code that names `__import__`.
"""

from __future__ import annotations

import builtins
import importlib
import sys
from importlib.util import resolve_name
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from types import CodeType

    from pytest_nexus.record.dependencies.watching.scopes import Scopes

_import: Final = builtins.__import__
_import_module: Final = importlib.import_module
_frame = sys._getframe  # noqa: SLF001 - the documented way to the caller

_NAMES: Final = frozenset({"__import__", "import_module"})


def imports_by_name(code: CodeType) -> bool:
    """Return whether a code object may import modules by name."""
    return not _NAMES.isdisjoint(code.co_names)


class ImportsByName:
    """Adds the names of imported modules to the scopes of a tracker.

    Args:
        scopes: take them.
    """

    def __init__(self, scopes: Scopes) -> None:
        self._scopes = scopes
        self.watched: tuple[CodeType, ...] = (
            _import_module.__code__,
            pytest.importorskip.__code__,
        )
        """Code outside the project in which calls are watched too."""

    def called(self, callee: object, first: object) -> None:
        """Note a call, if it imports a module by its name."""
        if callee is _import and isinstance(first, str):
            self._note(first)
        elif callee is _import_module and isinstance(first, str):
            self._note(_absolute(first, _frame(2)))
        elif getattr(callee, "__name__", "") == "_gcd_import" and isinstance(first, str):
            self._note(first)

    def _note(self, name: str) -> None:
        frame = self._scopes.files.nearest(_frame(3))
        if name and frame is not None:
            for scope in self._scopes.target(frame):
                scope.imports.add(name)


def _absolute(name: str, frame: Any) -> str:
    """Return the full name of a module that a frame imports relative to its package."""
    if not name.startswith("."):
        return name
    try:
        return resolve_name(name, str(frame.f_globals.get("__package__") or ""))
    except ImportError:
        return ""
