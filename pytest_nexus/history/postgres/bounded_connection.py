"""Connect to PostgreSQL so that no call waits for ever for a server that says nothing.

`connect_timeout` ends with the connection, and `tcp_user_timeout` counts packets that the other
side does not acknowledge. Neither helps where a proxy or a stopped server takes every packet and
answers none.
"""

from __future__ import annotations

from selectors import DefaultSelector
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.system.clock import perf_counter

if TYPE_CHECKING:
    from collections.abc import Generator

_LOOK_S: Final = 0.2
"""Longest single wait, because Windows tells of an interrupt only after one."""


def bounded(psycopg: Any, silent_s: float) -> Any:
    """Return a class of connections whose calls fail after a silence of the server.

    Such a failure closes the connection.

    Args:
        psycopg: the module, version 3.1 or later.
        silent_s: longest time without a byte from the server, and without room for one to it.
    """

    def wait(self: Any, calls: Generator[int, int, Any], *_: object, **__: object) -> Any:
        """Run the calls of libpq for one method, in place of `Connection.wait`."""
        try:
            return _answer(calls, self.pgconn.socket, silent_s)
        except TimeoutError as exc:
            self.close()
            raise psycopg.OperationalError(f"no answer for {silent_s:g} s") from exc

    return type("BoundedConnection", (psycopg.Connection,), {"wait": wait})


def _answer(calls: Generator[int, int, Any], socket: int, silent_s: float) -> Any:
    """Return the result of a generator that yields what it waits for: 1 to read, 2 to write.

    Raises:
        TimeoutError: the socket was not ready for that for too long.
    """
    try:
        wanted = next(calls)
        with DefaultSelector() as selector:
            selector.register(socket, wanted)
            while True:
                wanted = calls.send(_ready(selector, silent_s))
                selector.modify(socket, wanted)
    except StopIteration as exc:
        return exc.value


def _ready(selector: DefaultSelector, silent_s: float) -> int:
    ends = perf_counter() + silent_s
    while perf_counter() < ends:
        for _, events in selector.select(_LOOK_S):
            return events
    raise TimeoutError
