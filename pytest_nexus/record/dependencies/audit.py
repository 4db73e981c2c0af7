"""Notice what the process opens, lists, starts and connects to, through one audit hook.

Python cannot remove an audit hook. The hook is added once for each process, and is idle while no
tracker listens.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Handlers = "Mapping[str, Callable[[tuple[Any, ...]], None]]"

_listening: Final[dict[str, Any]] = {}
_added: Final[list[bool]] = []


def listen(handlers: Mapping[str, Callable[[tuple[Any, ...]], None]]) -> None:
    """Call a handler with the arguments of each audit event that it is named for.

    A handler that raises is removed: an audit hook that raises would fail the user's operation.
    """
    _listening.clear()
    _listening.update(handlers)
    if not _added:
        _added.append(True)
        find = _listening.get

        def heard(event: str, arguments: tuple[Any, ...]) -> None:
            handler = find(event)
            if handler is not None:
                try:
                    handler(arguments)
                except Exception:  # noqa: BLE001 - see above
                    _listening.pop(event, None)
                    failed = find("failed")
                    if failed is not None:
                        failed((event,))

        sys.addaudithook(heard)


def be_silent() -> None:
    """Call no handler any more."""
    _listening.clear()
