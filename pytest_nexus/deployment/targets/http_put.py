"""Push to an address that takes PUT: nginx with DAV, an object store behind a proxy, a gateway.

A conditional PUT (`If-Match`, `If-None-Match`) makes the quicker of two pushes win. A server that
ignores conditions is asked afterwards whose manifest it has.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

import requests

from pytest_nexus.deployment.targets.target import MOST_REPLACED_BYTES, taken
from pytest_nexus.domain.system import originals
from pytest_nexus.errors import DeploymentError

TOKEN_VARIABLE: Final = "NEXUS_DEPLOY_TOKEN"  # noqa: S105 - the name, not the secret
_TIMEOUTS_S: Final = (5.0, 30.0)
_TRIES: Final = 3
_OK: Final = frozenset({200, 201, 204})
_ABSENT: Final = frozenset({404, 410})
_TEMPORARY: Final = frozenset({408, 429, 500, 502, 503, 504})
_CHUNK_BYTES: Final = 64 * 1024


class HttpTarget:
    """A folder of files behind an address. A query, such as a signature, goes with every request.

    The token in NEXUS_DEPLOY_TOKEN, if there is one, is sent as `Authorization: Bearer`.

    Args:
        address: of the folder.
    """

    def __init__(self, address: str) -> None:
        self._parts = urlsplit(address)
        self._tags: dict[str, str] = {}
        token = originals.environ.get(TOKEN_VARIABLE, "")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    @property
    def place(self) -> str:
        """The address without user, password and query."""
        host = self._parts.hostname or ""
        port = f":{self._parts.port}" if self._parts.port else ""
        return f"{self._parts.scheme}://{host}{port}{self._parts.path}"

    def read(self, name: str, limit: int) -> bytes | None:
        """Return a file; None if there is none."""
        response = self._send("GET", name)
        with response:
            if response.status_code in _ABSENT:
                self._tags.pop(name, None)
                return None
            self._require(response)
            found = bytearray()
            try:
                for chunk in response.iter_content(_CHUNK_BYTES):
                    found += chunk
                    if len(found) > limit:
                        raise DeploymentError(
                            "NX942", f"{name} in {self.place!r} is larger than allowed"
                        )
            except requests.RequestException as exc:
                raise self._away() from exc
        self._tags[name] = response.headers.get("ETag", "")
        return bytes(found)

    def write(self, name: str, data: bytes) -> None:
        """Put a file."""
        with self._send("PUT", name, data) as response:
            self._require(response)

    def replace(self, name: str, data: bytes, before: bytes | None) -> None:
        """Put a file if it still is as it was."""
        headers = {}
        if before is None:
            headers["If-None-Match"] = "*"
        elif tag := self._tags.get(name):
            headers["If-Match"] = tag
        if self.read(name, MOST_REPLACED_BYTES) != before:
            raise taken(self.place)
        with self._send("PUT", name, data, headers) as response:
            # A repeated request may be refused because the first one had arrived.
            if response.status_code not in (409, 412):
                self._require(response)
        if self.read(name, MOST_REPLACED_BYTES) != data:
            raise taken(self.place)

    def _send(
        self,
        method: str,
        name: str,
        data: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> requests.Response:
        """Send a request; a temporary fault is tried again, as every request may come twice."""
        path = f"{self._parts.path.rstrip('/')}/{quote(name)}"
        url = urlunsplit(self._parts._replace(path=path, fragment=""))
        last: Exception | None = None
        for _ in range(_TRIES):
            try:
                response = requests.request(
                    method,
                    url,
                    data=data,
                    headers=self._headers | (headers or {}),
                    timeout=_TIMEOUTS_S,
                    stream=True,
                    allow_redirects=False,
                )
            except requests.RequestException as exc:
                last = exc
                continue
            if response.status_code not in _TEMPORARY:
                return response
            response.close()
        raise self._away() from last

    def _require(self, response: requests.Response) -> None:
        if response.status_code not in _OK:
            raise DeploymentError(
                "NX944", f"The target {self.place!r} refuses: HTTP {response.status_code}"
            )

    def _away(self) -> DeploymentError:
        return DeploymentError(
            "NX945", f"The target {self.place!r} does not answer; nothing was changed there"
        )
