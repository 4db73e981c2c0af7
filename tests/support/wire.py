"""A TCP proxy on loopback, between a job and its database, that a test can damage.

Each connection has two threads, one for each direction. They end with the connection.
"""

from __future__ import annotations

import socket
import struct
from contextlib import contextmanager, suppress
from threading import Lock, Thread
from time import sleep
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SIZE: Final = 65536
_RESET: Final = struct.pack("ii", 1, 0)
"""Lets `close` send a RST instead of a FIN."""
_TO_ACT_S: Final = 0.2
"""Seconds for the other side to do what it was told, before its connection ends too."""


class Wire:
    """Passes bytes between clients and one port of loopback.

    Args:
        port: of the server.
    """

    def __init__(self, port: int) -> None:
        self._server_port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.delay_s = 0.0
        """Seconds that each piece waits, in both directions."""
        self.is_hole = False
        """Whether the bytes of both directions vanish, also those of new connections."""
        self._fatal: Sequence[bytes] = ()
        """What a client has to say, one after another, to be cut off."""
        self._becomes_hole = False
        """Whether being cut off means to hear nothing, instead of losing the connection."""
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._guard = Lock()
        Thread(target=self._accept, daemon=True).start()

    def through(self, url: str) -> str:
        """Return the address of a database with the port of this proxy."""
        parts = urlsplit(url)
        place = parts.netloc.rpartition(":")[0]
        return parts._replace(netloc=f"{place}:{self.port}").geturl()

    def cut(self) -> None:
        """Close all connections."""
        for pair in self._taken():
            for end in pair:
                _end(end)

    def reset(self) -> None:
        """Break all connections with a RST towards the clients."""
        for client, server in self._taken():
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            client.close()
            _end(server)

    def half_close(self) -> None:
        """Let the clients read an end, while they can still write."""
        for client, _ in self._taken():
            with suppress(OSError):
                client.shutdown(socket.SHUT_WR)

    def cut_after(self, *words: bytes) -> None:
        """Take the answer from the next client that says these words, and its connection.

        The server receives the last word and answers; the client reads an end instead.
        """
        self._fatal, self._becomes_hole = words, False

    def vanish_after(self, *words: bytes) -> None:
        """Become a hole once a client has said these words; the server hears them."""
        self._fatal, self._becomes_hole = words, True

    def close(self) -> None:
        """End the proxy."""
        self._listener.close()
        self.cut()

    def _taken(self) -> list[tuple[socket.socket, socket.socket]]:
        with self._guard:
            taken, self._pairs = self._pairs, []
        return taken

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server_port))
            except OSError:
                return
            with self._guard:
                self._pairs.append((client, server))
            Thread(target=self._pump, args=(client, server, True), daemon=True).start()
            Thread(target=self._pump, args=(server, client, False), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, is_client: bool) -> None:
        try:
            while piece := source.recv(_SIZE):
                sleep(self.delay_s)
                is_heard = not self.is_hole
                if is_client and self._is_fatal(piece):
                    self.is_hole = self._becomes_hole
                    if not self.is_hole:
                        _end(source)
                if is_heard:
                    target.sendall(piece)
        except OSError:
            pass  # the other direction has ended the connection
        if not self.is_hole:
            sleep(_TO_ACT_S)
            _end(target)

    def _is_fatal(self, piece: bytes) -> bool:
        if not self._fatal:
            return False
        while self._fatal and self._fatal[0] in piece:
            self._fatal = self._fatal[1:]
        return not self._fatal


@contextmanager
def wire_to(url: str) -> Iterator[Wire]:
    """Yield a proxy in front of the server of an address."""
    wire = Wire(int(urlsplit(url).port or 5432))
    try:
        yield wire
    finally:
        wire.close()


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
