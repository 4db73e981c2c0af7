"""Notice modules that code imports by name, and files that code looks at without opening them.

A module that is imported already raises no audit event, and neither does `os.stat`. The calls are
watched instead: those of `import_module`, and those in code that names such a function.
"""

from __future__ import annotations

import builtins
import importlib
import sys
from importlib.util import resolve_name
from typing import TYPE_CHECKING, Final

import pytest

from pytest_nexus.record.dependencies.watching.opened import LOOKING_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType

    from pytest_nexus.record.dependencies.watching.scopes import Scopes

_import: Final = builtins.__import__
_import_module: Final = importlib.import_module
_frame = sys._getframe  # noqa: SLF001 - the documented way to the caller

_STEP: Final = "_gcd_import"
"""What `import_module` calls, with a name without dots."""
_NAMES: Final = LOOKING_NAMES | {"__import__", "import_module"}


def calls_count(code: CodeType) -> bool:
    """Return whether a code object may import modules by name, or look at files."""
    return not _NAMES.isdisjoint(code.co_names)


class ImportsByName:
    """Adds the names of imported modules to the scopes of a tracker.

    Args:
        scopes: take them.
        looks: called with each callee, its first argument and the caller.
    """

    def __init__(self, scopes: Scopes, looks: Callable[[object, object, FrameType], None]) -> None:
        self._scopes = scopes
        self._looks = looks
        self.watched: tuple[CodeType, ...] = (
            _import_module.__code__,
            pytest.importorskip.__code__,
        )
        """Code outside the project in which calls are watched too."""

    def called(self, callee: object, first: object) -> None:
        """Note a call, if it imports a module by its name or looks at a file."""
        self._looks(callee, first, _frame(2))
        if not isinstance(first, str):
            return
        if callee is _import:
            self._note(first)
        elif callee is _import_module or getattr(callee, "__name__", "") == _STEP:
            self._note(_absolute(first, _frame(2)))

    def _note(self, name: str) -> None:
        frame = self._scopes.files.nearest(_frame(3))
        if name and frame is not None:
            for scope in self._scopes.target(frame):
                scope.imports.add(name)


def _absolute(name: str, frame: FrameType) -> str:
    """Return the full name of a module; `import_module` passes a relative name without its dots.

    Args:
        name: as passed on.
        frame: the caller, perhaps `import_module`.
    """
    given = frame.f_locals if frame.f_code is _import_module.__code__ else {}
    asked = given.get("name", name)
    if not isinstance(asked, str) or not asked.startswith("."):
        return name
    try:
        return resolve_name(asked, str(given.get("package") or ""))
    except ImportError:
        return ""
