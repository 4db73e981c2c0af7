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

DISABLE: Final[object] = getattr(getattr(sys, "monitoring", None), "DISABLE", None)
"""What a callback returns to make a code silent."""

_TOOL_IDS: Final = (4, 3, 1)
"""Ids that no tool reserves, and coverage's, which is free without coverage."""
_NAME: Final = "pytest-nexus"


def is_possible() -> bool:
    """Return whether this interpreter can tell which functions start."""
    return sys.version_info >= NEEDED and hasattr(sys, "monitoring")


class Monitor:
    """Calls a function for each start of a watched code object, until the function makes it silent.

    Args:
        on_start: called with the code object and an offset. If it returns `DISABLE`, the code is
            silent until it is armed.
        on_call: called with the callee and the first argument of each call in watched code.
    """

    def __init__(
        self,
        on_start: Callable[[CodeType, int], object],
        on_call: Callable[[object, object], None],
    ) -> None:
        self._on_start = on_start
        self._on_call = on_call
        self._calling: dict[int, int] = {}
        """The events of code whose calls are watched too, by its `id`."""
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
        start, on_call = monitoring.events.PY_START, self._on_call

        def calls(_code: CodeType, _offset: int, callee: object, first: object) -> None:
            on_call(callee, first)

        monitoring.register_callback(tool, start, self._on_start)
        monitoring.register_callback(tool, monitoring.events.CALL, calls)
        return True

    def watch(self, codes: Iterable[CodeType]) -> None:
        """Report the next start of each code object."""
        tool, monitoring = self._tool, self._events
        if tool is not None:
            switch, start = monitoring.set_local_events, monitoring.events.PY_START
            for code in codes:
                switch(tool, code, start)

    def watch_calls(self, codes: Iterable[CodeType]) -> None:
        """Report the calls in code objects, besides their starts."""
        tool, monitoring = self._tool, self._events
        if tool is not None:
            both = monitoring.events.PY_START | monitoring.events.CALL
            for code in codes:
                self._calling[id(code)] = both
                monitoring.set_local_events(tool, code, both)

    def arm(self, codes: Iterable[CodeType]) -> None:
        """Report the next start of code objects that are silent after their last."""
        tool, monitoring = self._tool, self._events
        if tool is not None:
            switch, start = monitoring.set_local_events, monitoring.events.PY_START
            events_of = self._calling.get
            for code in codes:
                switch(tool, code, 0)
                switch(tool, code, events_of(id(code), start))

    def forget(self, codes: Iterable[CodeType]) -> None:
        """Report nothing of these code objects any more."""
        if self._tool is not None:
            for code in codes:
                self._events.set_local_events(self._tool, code, 0)

    def stop(self) -> None:
        """Give the tool id back; no code reports any more."""
        tool, monitoring = self._tool, self._events
        if tool is not None:
            self._tool = None
            monitoring.register_callback(tool, monitoring.events.PY_START, None)
            monitoring.register_callback(tool, monitoring.events.CALL, None)
            monitoring.free_tool_id(tool)
