"""Calls of libpq that wait for a socket, with a bound."""

from __future__ import annotations

from selectors import EVENT_READ, EVENT_WRITE
from socket import socketpair
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.history.postgres import bounded_connection
from pytest_nexus.history.postgres.bounded_connection import bounded

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from socket import socket


class Error(Exception):
    pass


class Connection:
    def __init__(self, ours: socket) -> None:
        self.pgconn = SimpleNamespace(socket=ours.fileno())
        self.is_open = True

    def close(self) -> None:
        self.is_open = False


@pytest.fixture
def sockets() -> Iterator[tuple[socket, socket]]:
    ours, theirs = socketpair()
    with ours, theirs:
        yield ours, theirs


def made(ours: socket, silent_s: float) -> Any:
    psycopg = SimpleNamespace(Connection=Connection, OperationalError=Error)
    return bounded(psycopg, silent_s)(ours)


def test_a_call_gets_the_events_that_it_waits_for(sockets: tuple[socket, socket]) -> None:
    ours, theirs = sockets
    got: list[int] = []

    def call() -> Generator[int, int, str]:
        got.append((yield EVENT_WRITE))
        theirs.send(b"x")
        got.append((yield EVENT_READ))
        got.append((yield EVENT_READ | EVENT_WRITE))
        return "result"

    connection = made(ours, 60.0)
    assert connection.wait(call(), 0.1, other=1) == "result"
    assert got == [EVENT_WRITE, EVENT_READ, EVENT_READ | EVENT_WRITE]
    assert connection.is_open


def test_a_call_that_waits_for_nothing_returns(sockets: tuple[socket, socket]) -> None:
    def call() -> Generator[int, int, str]:
        return "at once"
        yield EVENT_READ

    assert made(sockets[0], 60.0).wait(call()) == "at once"


def test_a_silent_server_closes_the_connection(
    sockets: tuple[socket, socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_connection, "_LOOK_S", 0.001)

    def call() -> Generator[int, int, None]:
        yield EVENT_READ

    connection = made(sockets[0], 0.005)
    with pytest.raises(Error, match=r"^no answer for 0\.005 s$") as caught:
        connection.wait(call())
    assert isinstance(caught.value.__cause__, TimeoutError)
    assert not connection.is_open


def test_the_bound_holds_from_the_start_of_each_wait(
    sockets: tuple[socket, socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that a wait moves: each single wait is within the bound, all of them are not."""
    now = [0.0]
    monkeypatch.setattr(bounded_connection, "perf_counter", lambda: now[0])

    def call() -> Generator[int, int, str]:
        for _ in range(3):
            yield EVENT_WRITE
            now[0] += 4.0
        return "done"

    assert made(sockets[0], 5.0).wait(call()) == "done"
