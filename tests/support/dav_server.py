"""A server that takes PUT, as nginx with DAV does: conditions, faults, and cut answers."""

from __future__ import annotations

import threading
import time
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable


class DavServer(ThreadingHTTPServer):
    """Files by path. `faults` are statuses for the next requests; 0 closes without an answer."""

    daemon_threads = True

    def __init__(self, *, conditions: bool = True) -> None:
        super().__init__(("127.0.0.1", 0), DavHandler)
        self.files: dict[str, bytes] = {}
        self.faults: list[int] = []
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.conditions = conditions
        self.delay_s = 0.0
        self.before_put: Callable[[str], None] | None = None
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/models"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """A client that has gone is no error of the server."""


def tag(data: bytes) -> str:
    return f'"{sha256(data).hexdigest()[:16]}"'


class DavHandler(BaseHTTPRequestHandler):
    server: DavServer

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.is_refused():
            return
        time.sleep(self.server.delay_s)
        data = self.server.files.get(self.path_of())
        self.answer(404 if data is None else 200, data or b"")

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.is_refused():
            return
        path = self.path_of()
        if self.server.before_put is not None:
            self.server.before_put(path)
        with self.server.lock:
            old = self.server.files.get(path)
            if self.server.conditions and not self._fits(old):
                self.answer(412, b"")
                return
            self.server.files[path] = body
        self.answer(201 if old is None else 204, b"")

    def _fits(self, old: bytes | None) -> bool:
        if self.headers.get("If-None-Match") == "*":
            return old is None
        wanted = self.headers.get("If-Match")
        return wanted is None or (old is not None and wanted == tag(old))

    def path_of(self) -> str:
        return self.path.partition("?")[0].rpartition("/")[2]

    def is_refused(self) -> bool:
        self.server.asked.append((self.command, self.path, dict(self.headers)))
        if not self.server.faults:
            return False
        status = self.server.faults.pop(0)
        if status:
            self.answer(status, b"")
        self.close_connection = True
        return True

    def answer(self, status: int, data: bytes) -> None:
        self.send_response(status)
        if status == 200:
            self.send_header("ETag", tag(data))
        if status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if status != 204:
            self.wfile.write(data)
