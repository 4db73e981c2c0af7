"""Notice what the process opens, lists, starts and connects to, through one audit hook.

Python cannot remove an audit hook. The hook is added once for each process, and is idle while no
tracker listens.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_listeners: Final[list[Listener]] = []
_by_event: Final[dict[str, list[Listener]]] = {}
"""The listeners that have a handler for an event. Most events of a process have none."""
_added: Final[list[bool]] = []


class Listener:
    """Calls a handler with the arguments of each audit event that it is named for.

    Several may listen: a suite may run sessions in its own process. A handler that raises is
    removed, because an audit hook that raises would fail the user's operation.

    Args:
        handlers: by the names of events.
        on_failure: called with the name of an event whose handler was removed.
    """

    def __init__(
        self,
        handlers: Mapping[str, Callable[[tuple[Any, ...]], None]],
        on_failure: Callable[[str], None],
    ) -> None:
        self.handlers = dict(handlers)
        self._on_failure = on_failure
        self.lost: list[str] = []
        """Events for which no room was left on the stack; their handlers stay."""

    def start(self) -> None:
        """Begin to listen."""
        _listeners.append(self)
        _sort()
        if not _added:
            _added.append(True)
            sys.addaudithook(_heard)

    def stop(self) -> None:
        """Call no handler any more."""
        if self in _listeners:
            _listeners.remove(self)
            _sort()

    def fail(self, event: str) -> None:
        """Remove the handler of an event."""
        del self.handlers[event]
        self._on_failure(event)


def _sort() -> None:
    found: dict[str, list[Listener]] = {}
    for each in _listeners:
        for event in each.handlers:
            found.setdefault(event, []).append(each)
    for event in [*_by_event]:
        if event not in found:
            del _by_event[event]
    _by_event.update(found)


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    """Call the handlers of an event; their caller's caller is who acts."""
    listeners = _by_event.get(event)
    if listeners is None:
        return  # some hundred thousand events in a session
    for each in listeners:
        handler = each.handlers.get(event)
        if handler is not None:
            try:
                handler(arguments)
            except RecursionError:
                each.lost.append(event)
            except Exception:  # noqa: BLE001 - see `Listener`
                each.fail(event)
