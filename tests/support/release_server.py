"""A server that speaks GitHub's REST API of release assets, as documented."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tests.support.dav_server import DavHandler, DavServer

if TYPE_CHECKING:
    from email.message import Message

TOKEN = "a token"  # noqa: S105 - of this server only


class ReleaseServer(DavServer):
    """One release, `models`, of `octo/repo`; `ahead_s` moves the clock of the server."""

    def __init__(self) -> None:
        super().__init__()
        self.RequestHandlerClass = _Handler
        self.assets: dict[int, dict[str, Any]] = {}
        self.ahead_s = 0.0
        self.uploads = self.host

    @property
    def host(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def environ(self) -> dict[str, str]:
        return {"GITHUB_API_URL": self.host, "GITHUB_TOKEN": TOKEN}

    @property
    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead_s)

    def forward(self, method: str, path: str, headers: Message, body: bytes) -> tuple[int, bytes]:
        """Answer a request that another server has allowed."""
        connection = HTTPConnection(*self.server_address[:2], timeout=10)
        own = {"Accept": headers.get("Accept", ""), "Authorization": f"Bearer {TOKEN}"}
        with closing(connection):
            connection.request(method, path, body, own)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def named(self, name: str) -> dict[str, Any] | None:
        return next((each for each in self.assets.values() if each["name"] == name), None)


class _Handler(DavHandler, BaseHTTPRequestHandler):
    server: ReleaseServer

    def date_time_string(self, timestamp: float | None = None) -> str:  # noqa: ARG002 - of the base class
        return self.server.now.strftime("%a, %d %b %Y %H:%M:%S GMT")

    def do_GET(self) -> None:
        if self.is_forbidden():
            return
        path = urlsplit(self.path).path.removeprefix("/repos/octo/repo/releases")
        if path == "/tags/models":
            url = f"{self.server.uploads}/repos/octo/repo/releases/1/assets{{?name,label}}"
            self.say(200, {"id": 1, "upload_url": url})
        elif path == "/1/assets":
            page = int(parse_qs(urlsplit(self.path).query)["page"][0])
            every = [self.shown(each) for each in self.server.assets.values()]
            self.say(200, every[100 * page - 100 : 100 * page])
        elif asset := self.server.assets.get(self.number()):
            if self.headers["Accept"] == "application/octet-stream":
                self.answer(200, asset["data"])
            else:
                self.say(200, self.shown(asset))
        else:
            self.say(404, {"message": "Not Found"})

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if self.is_forbidden():
            return
        name = parse_qs(urlsplit(self.path).query)["name"][0]
        with self.server.lock:
            if self.server.named(name):
                self.say(422, {"errors": [{"code": "already_exists"}]})
                return
            number = max(self.server.assets, default=0) + 1
            made = {"id": number, "name": name, "data": data}
            made["created_at"] = self.server.now.isoformat().replace("+00:00", "Z")
            self.server.assets[number] = made
        self.say(201, self.shown(made))

    def do_PATCH(self) -> None:
        found = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.is_forbidden():
            return
        if self.server.named(found["name"]):
            self.say(422, {"errors": [{"code": "already_exists"}]})
            return
        self.server.assets[self.number()]["name"] = found["name"]
        self.say(200, self.shown(self.server.assets[self.number()]))

    def do_DELETE(self) -> None:
        if self.is_forbidden():
            return
        found = self.server.assets.pop(self.number(), None)
        self.answer(404 if found is None else 204, b"")

    def is_forbidden(self) -> bool:
        if self.is_refused():
            return True
        if self.headers.get("Authorization") == f"Bearer {TOKEN}":
            return False
        self.say(401, {"message": "Bad credentials"})
        return True

    def number(self) -> int:
        last = urlsplit(self.path).path.rpartition("/")[2]
        return int(last) if last.isdecimal() else 0

    def shown(self, asset: dict[str, Any]) -> dict[str, Any]:
        return {n: v for n, v in asset.items() if n != "data"} | {"size": len(asset["data"])}

    def say(self, status: int, value: object) -> None:
        self.answer(status, json.dumps(value).encode())
