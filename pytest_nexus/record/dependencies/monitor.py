"""Notice which functions of the project start, through `sys.monitoring` of CPython 3.12.

Each code object reports its first start in a scope, and is silent until the next scope arms it
again. `sys.monitoring.restart_events` would arm the code of every other tool too, coverage's for
example; the local events of the codes that were hit are switched off and on instead.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import CodeType

NEEDED: Final = (3, 12)
"""The first version of CPython with `sys.monitoring`."""

_TOOL_IDS: Final = (4, 3, 1)
"""Ids that no tool reserves, and coverage's, which is free without coverage."""
_NAME: Final = "pytest-nexus"


def is_possible() -> bool:
    """Return whether this interpreter can tell which functions start."""
    return sys.version_info >= NEEDED and hasattr(sys, "monitoring")


class Monitor:
    """Calls a function for the first start of each watched code object since it was armed.

    Args:
        on_start: called with the code object; returns whether the code is to report its next
            start too.
    """

    def __init__(self, on_start: Callable[[CodeType], bool]) -> None:
        self._on_start = on_start
        self._tool: int | None = None
        self._events: Any = None

    def start(self) -> bool:
        """Take a free tool id; return False if there is none."""
        monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore] # of 3.12
        for tool in _TOOL_IDS:
            if monitoring.get_tool(tool) is None:
                monitoring.use_tool_id(tool, _NAME)
                break
        else:
            return False
        self._tool, self._events = tool, monitoring
        start, disable, on_start = monitoring.events.PY_START, monitoring.DISABLE, self._on_start

        def called(code: CodeType, _offset: int) -> object:
            return None if on_start(code) else disable

        monitoring.register_callback(tool, start, called)
        return True

    def watch(self, codes: Iterable[CodeType]) -> None:
        """Report the next start of each code object."""
        tool, monitoring = self._tool, self._events
        if tool is not None:
            switch, start = monitoring.set_local_events, monitoring.events.PY_START
            for code in codes:
                switch(tool, code, start)

    def arm(self, codes: Iterable[CodeType]) -> None:
        """Report the next start of code objects that are silent after their last."""
        tool, monitoring = self._tool, self._events
        if tool is not None:
            switch, start = monitoring.set_local_events, monitoring.events.PY_START
            for code in codes:
                switch(tool, code, 0)
                switch(tool, code, start)

    def stop(self) -> None:
        """Give the tool id back; no code reports any more."""
        tool, monitoring = self._tool, self._events
        if tool is not None:
            self._tool = None
            monitoring.register_callback(tool, monitoring.events.PY_START, None)
            monitoring.free_tool_id(tool)
