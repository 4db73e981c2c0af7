"""GitHub's REST API over a socket: the documented shapes, limits and faults, and nothing else."""

from __future__ import annotations

import io
import json
import re
import threading
import zipfile
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.support.release_server import ReleaseServer

REPOSITORY_ID = 42
FORK_ID = 99
TOKEN = "token-of-the-job"  # noqa: S105 - of no server but this one


@dataclass
class Reply:
    """One answer that is given in place of the usual one."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b'{"message": "told to"}'
    cut: int | None = None
    """Send only so many bytes of the usual answer, then close."""


@dataclass
class StoredArtifact:
    number: int
    name: str
    data: bytes
    head_sha: str
    head_repository_id: int | None
    expired: bool = False

    def described(self) -> dict[str, Any]:
        return {
            "id": self.number,
            "node_id": "x",
            "name": self.name,
            "size_in_bytes": len(self.data),
            "archive_download_url": "http://evil.invalid/",
            "expired": self.expired,
            "created_at": "2026-01-01T00:00:00Z",
            "workflow_run": {
                "id": 7,
                "repository_id": REPOSITORY_ID,
                "head_repository_id": self.head_repository_id,
                "head_branch": "topic",
                "head_sha": self.head_sha,
            },
        }


def zipped(files: Mapping[str, bytes]) -> bytes:
    """An archive with these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


class GitHubServer:
    """One repository, `octo/repo`; a second socket stands for the storage that it redirects to."""

    def __init__(self, *, may_write: bool = True) -> None:
        self.artifacts: list[StoredArtifact] = []
        self.comments: dict[int, list[dict[str, Any]]] = {}
        self.tokens: dict[str, dict[str, str]] = {
            TOKEN: {"actions": "read", "pull-requests": "write" if may_write else "read"}
        }
        """Permissions by token."""
        self.replies: list[tuple[str, Reply]] = []
        """Pattern of a path, and what is answered the next time it is asked for."""
        self.asked: list[tuple[str, str]] = []
        """Method and path of every request, in order."""
        self.before: Callable[[str], None] | None = None
        """Called with the path of each request before it is answered."""
        self.releases: ReleaseServer | None = None
        """Holds the assets of releases; None for a repository without releases."""
        self.storage_headers: list[dict[str, str]] = []
        """Of the requests that reached the storage."""
        self._lock = threading.Lock()
        self._servers = [self._serve(storage=False), self._serve(storage=True)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._servers[0].server_address[1]}"

    def environ(self, **more: str) -> dict[str, str]:
        """What a job has in its environment."""
        return {
            "GITHUB_API_URL": self.url,
            "GITHUB_REPOSITORY": "octo/repo",
            "GITHUB_TOKEN": TOKEN,
        } | more

    def put(
        self,
        data: bytes,
        *,
        name: str | None = None,
        head_sha: str = "a" * 40,
        head_repository_id: int | None = REPOSITORY_ID,
        expired: bool = False,
    ) -> StoredArtifact:
        """Store an artifact."""
        with self._lock:
            number = len(self.artifacts) + 1
            one = StoredArtifact(
                number, name or f"nexus-journal-{number}", data, head_sha, head_repository_id,
                expired,
            )  # fmt: skip
            self.artifacts.append(one)
        return one

    def reply(self, pattern: str, reply: Reply, times: int = 1) -> None:
        """Answer the next requests of a path so."""
        self.replies += [(pattern, reply)] * times

    def count(self, pattern: str) -> int:
        return sum(bool(re.search(pattern, f"{method} {path}")) for method, path in self.asked)

    def _serve(self, *, storage: bool) -> ThreadingHTTPServer:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def _handle(self) -> None:
                if owner.before is not None:
                    owner.before(self.path)
                if storage:
                    owner.storage_headers.append(dict(self.headers))
                    owner._blob(self)
                else:
                    owner._api(self)

            do_GET = do_POST = do_PATCH = do_DELETE = _handle  # noqa: N815 - http.server's names

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return server

    def _told(self, path: str) -> Reply | None:
        with self._lock:
            for at, (pattern, reply) in enumerate(self.replies):
                if re.search(pattern, path):
                    del self.replies[at]
                    return reply
        return None

    def _api(self, request: BaseHTTPRequestHandler) -> None:
        length = int(request.headers.get("Content-Length", 0))
        sent = request.rfile.read(length)
        self.asked.append((request.command, request.path))
        told = self._told(request.path)
        if told is not None:
            _send(request, told.status, told.body, told.headers)
            return
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            _send(request, 401, b'{"message": "Bad credentials"}')
            return
        if not _may(self.tokens[token], request.command, request.path):
            _send(request, 403, b'{"message": "Resource not accessible by integration"}')
            return
        if self.releases is not None and "/releases" in request.path:
            given = request.command, request.path, request.headers, sent
            _send(request, *self.releases.forward(*given))
            return
        status, answer, headers = self._answer(request.command, request.path, sent)
        _send(request, status, b"" if answer is None else json.dumps(answer).encode(), headers)

    def _answer(self, method: str, path: str, sent: bytes) -> tuple[int, Any, dict[str, str]]:
        split = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(split.query).items()}
        place = split.path.removeprefix("/repos/octo/repo/")
        if place == "actions/artifacts":
            newest = [one.described() for one in reversed(self.artifacts)]
            page = _page(newest, query)
            return 200, {"total_count": len(newest), "artifacts": page}, {}
        if found := re.fullmatch(r"actions/artifacts/(\d+)(/zip)?", place):
            return self._artifact(int(found[1]), is_zip=bool(found[2]))
        if found := re.fullmatch(r"issues/(\d+)/comments", place):
            if method == "GET":
                return 200, _page(self.comments.get(int(found[1]), []), query), {}
            return self._write(int(found[1]), None, json.loads(sent))
        if found := re.fullmatch(r"issues/comments/(\d+)", place):
            return self._write(0, int(found[1]), json.loads(sent))
        return 404, {"message": "Not Found"}, {}

    def _artifact(self, number: int, *, is_zip: bool) -> tuple[int, Any, dict[str, str]]:
        one = next((each for each in self.artifacts if each.number == number), None)
        if one is None:
            return 404, {"message": "Not Found"}, {}
        if not is_zip:
            return 200, one.described(), {}
        if one.expired:
            return 410, {"message": "Artifact has expired"}, {}
        port = self._servers[1].server_address[1]
        return 302, None, {"Location": f"http://127.0.0.1:{port}/blob/{number}?sig=x"}

    def _write(
        self, issue: int, number: int | None, body: dict[str, Any]
    ) -> tuple[int, Any, dict[str, str]]:
        if number is None:
            every = self.comments.setdefault(issue, [])
            bot = {"login": "github-actions[bot]", "type": "Bot"}
            n_before = sum(len(each) for each in self.comments.values())
            every.append({"id": n_before + 1, "user": bot, "body": body["body"]})
            return 201, every[-1], {}
        for comment in (one for each in self.comments.values() for one in each):
            if comment["id"] == number:
                comment["body"] = body["body"]
                return 200, comment, {}
        return 404, {"message": "Not Found"}, {}

    def _blob(self, request: BaseHTTPRequestHandler) -> None:
        number = int(urlsplit(request.path).path.rpartition("/")[2])
        data = next(one.data for one in self.artifacts if one.number == number)
        told = self._told(request.path)
        if told is None:
            _send(request, 200, data)
        elif told.cut is not None:
            request.send_response(200)
            request.send_header("Content-Length", str(len(data)))
            request.end_headers()
            request.wfile.write(data[: told.cut])
            request.close_connection = True
        else:
            _send(request, told.status, told.body, told.headers)


def _may(permissions: Mapping[str, str], method: str, path: str) -> bool:
    if "/releases" in path:
        wanted = ("write",) if method != "GET" else ("read", "write")
        return permissions.get("contents") in wanted
    if "/issues/" not in path:
        return permissions.get("actions") in ("read", "write")
    wanted = ("write",) if method != "GET" else ("read", "write")
    return permissions.get("pull-requests") in wanted


def _page(items: list[Any], query: Mapping[str, str]) -> list[Any]:
    size, number = int(query.get("per_page", 30)), int(query.get("page", 1))
    return items[(number - 1) * size : number * size]


def _send(
    request: BaseHTTPRequestHandler,
    status: int,
    body: bytes,
    headers: Mapping[str, str] | None = None,
) -> None:
    request.send_response(status)
    for name, value in (headers or {}).items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)
