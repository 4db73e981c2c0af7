"""Notice which functions of the project start, through `sys.monitoring` of CPython 3.12.

A code object may become silent in a scope, and is armed again for the next scope.
`sys.monitoring.restart_events` would arm the code of every other tool too, coverage's for example;
the local events of the silent code objects are switched off and on instead.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.system.originals import identity_of

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
        on_end: called with each code object whose ends are watched, when it returns or yields.
        on_exception: called with any code object that an exception leaves, an offset and the
            exception; so often that one more call would cost.
    """

    def __init__(
        self,
        on_start: Callable[[CodeType, int], object],
        on_call: Callable[[object, object], None],
        on_end: Callable[[CodeType], object],
        on_exception: Callable[[CodeType, int, object], object],
    ) -> None:
        self._on_start = on_start
        self._on_call = on_call
        self._on_end = on_end
        self._on_exception = on_exception
        self._more_events: dict[int, int] = {}
        """The events of code that reports more than its starts, by the identity of the code."""
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
        for event, callback in self._callbacks().items():
            monitoring.register_callback(tool, event, callback)
        monitoring.set_events(tool, monitoring.events.PY_UNWIND | monitoring.events.PY_THROW)
        return True

    def _callbacks(self) -> dict[int, Callable[..., object]]:
        events = self._events.events
        on_call, on_end = self._on_call, self._on_end

        def calls(_code: CodeType, _offset: int, callee: object, first: object) -> None:
            on_call(callee, first)

        def ends(code: CodeType, _offset: int, _value: object) -> object:
            return on_end(code)

        def goes_on(code: CodeType, offset: int, _error: object) -> None:
            self._on_start(code, offset)

        return {
            events.PY_START: self._on_start,
            events.PY_RESUME: self._on_start,
            events.CALL: calls,
            events.PY_RETURN: ends,
            events.PY_YIELD: ends,
            events.PY_UNWIND: self._on_exception,
            events.PY_THROW: goes_on,
        }

    def watch(self, codes: Iterable[CodeType]) -> None:
        """Report the next start of each code object."""
        tool, monitoring = self._tool, self._events
        if tool is not None:
            switch, start = monitoring.set_local_events, monitoring.events.PY_START
            for code in codes:
                switch(tool, code, start)

    def watch_calls(self, codes: Iterable[CodeType]) -> None:
        """Report the calls in code objects, besides their starts."""
        if self._tool is not None:
            self._watch_more(codes, self._events.events.CALL)

    def watch_ends(self, codes: Iterable[CodeType]) -> None:
        """Report when code objects return or yield, and when they go on, besides their starts."""
        if self._tool is not None:
            events = self._events.events
            self._watch_more(codes, events.PY_RETURN | events.PY_YIELD | events.PY_RESUME)

    def watch_return(self, code: CodeType) -> None:
        """Report when the code of a module, which is about to be executed, returns."""
        if self._tool is not None:
            self._events.set_local_events(self._tool, code, self._events.events.PY_RETURN)

    def _watch_more(self, codes: Iterable[CodeType], more: int) -> None:
        start = self._events.events.PY_START
        for code in codes:
            number = identity_of(code)
            wanted = self._more_events.get(number, start) | more
            self._more_events[number] = wanted
            self._events.set_local_events(self._tool, code, wanted)

    def arm(self, codes: Iterable[CodeType]) -> None:
        """Report the next start of code objects that are silent after their last."""
        tool, monitoring = self._tool, self._events
        if tool is not None:
            switch, start = monitoring.set_local_events, monitoring.events.PY_START
            events_of = self._more_events.get
            for code in codes:
                switch(tool, code, 0)
                switch(tool, code, events_of(identity_of(code), start))

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
            monitoring.set_events(tool, 0)
            for event in self._callbacks():
                monitoring.register_callback(tool, event, None)
            monitoring.free_tool_id(tool)
