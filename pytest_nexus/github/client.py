"""Call GitHub's REST API and follow its rules: pages, rate limits, retries, redirects.

https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
"""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import requests

from pytest_nexus.domain.system import clock
from pytest_nexus.errors import ArtifactError, GitHubError, LimitedError, NotAllowedError
from pytest_nexus.github.network_errors import reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

API_URL: Final = "https://api.github.com"
PER_PAGE: Final = 100
_VERSION: Final = "2022-11-28"
_TIMEOUTS_S: Final = (10.0, 60.0)
_TRIES: Final = 5
_MAX_WAIT_S: Final = 900.0
_MINUTE_S: Final = 60.0
_CHUNK_BYTES: Final = 256 * 1024
_MAX_JSON_BYTES: Final = 32 * 1024 * 1024
_LIMITED: Final = frozenset({403, 429})
_BROKEN: Final = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)


@dataclass(slots=True)
class Client:
    """One repository on one server; its requests run one after the other.

    A request is repeated after a limit or a temporary error. After a limit, the client waits for
    `Retry-After`, else until the limit is reset, else a minute, then twice as long each time.
    After a temporary error it waits for a shorter time, with jitter.
    """

    repository: str
    """`owner/name`."""
    token: str = ""
    """Sent only to the API: requests drops the token when a redirect leads to another host."""
    api_url: str = API_URL
    tries: int = _TRIES
    """Maximum number of tries of each request."""
    max_wait_s: float = _MAX_WAIT_S
    """A limit that lasts longer raises an error, which says when the limit ends."""
    sleep: Callable[[float], None] = time.sleep
    _session: requests.Session = field(default_factory=requests.Session)

    def close(self) -> None:
        """Close the open connections."""
        self._session.close()

    def get(self, path: str, **parameters: str | int) -> Any:
        """Return the JSON answer to a GET for a path below the repository."""
        return self._json("GET", path, params=parameters)

    def send(self, method: str, path: str, body: dict[str, Any]) -> Any:
        """Send JSON to a path below the repository, and return the answer."""
        return self._json(method, path, json=body)

    def pages(
        self, path: str, name: str = "", **parameters: str | int
    ) -> Iterator[list[dict[str, Any]]]:
        """Yield the items of a listing page by page; `name` is the member that holds them, if any.

        The `parameters` are those of the listing, such as a filter. The client counts pages and
        follows no links: a link could send the token to another host.
        """
        number = 1
        while True:
            answer = self.get(path, **parameters, per_page=PER_PAGE, page=number)
            items = answer.get(name) if name and isinstance(answer, dict) else answer
            if not isinstance(items, list):
                raise GitHubError("NX805", f"GitHub's answer to {path} is not a list")
            yield [item for item in items if isinstance(item, dict)]
            if len(items) < PER_PAGE:
                return
            number += 1

    def download(self, path: str, target: Path, max_bytes: int) -> int:
        """Write the answer to a GET to a file, following redirects; return the number of bytes.

        Raises:
            ArtifactError: the answer is longer than `max_bytes`.
            GitHubError: the answer is still incomplete after all tries.
        """
        for number in range(self.tries):
            response = self._answer("GET", path, stream=True)
            try:
                return _saved(response, target, max_bytes)
            except _BROKEN as exc:
                if number + 1 == self.tries:
                    raise GitHubError(
                        "NX806", f"The download of {path} was cut short: {reason(exc)}"
                    ) from exc
                self._back_off(number)
            except requests.RequestException as exc:
                raise GitHubError("NX806", f"The download of {path} was cut short: {exc}") from exc
            finally:
                response.close()
        raise AssertionError("unreachable")  # pragma: no cover - the loop returns or raises

    def _json(self, method: str, path: str, **arguments: Any) -> Any:
        response = self._answer(method, path, stream=True, **arguments)
        try:
            return json.loads(b"".join(_chunks(response, _MAX_JSON_BYTES)))
        except (ValueError, RecursionError, ArtifactError, *_BROKEN) as exc:
            raise GitHubError(
                "NX804", f"GitHub's answer to {path} is not JSON: {reason(exc)}"
            ) from exc
        finally:
            response.close()

    def _answer(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """Return the first answer that is neither a temporary error nor a limit."""
        for number in range(self.tries):
            is_last = number + 1 == self.tries
            try:
                response = self._request(method, path, **arguments)
            except _BROKEN as exc:
                if is_last:
                    raise LimitedError(
                        "NX802", f"GitHub cannot be reached for {path}: {reason(exc)}"
                    ) from exc
                self._back_off(number)
                continue
            except requests.RequestException as exc:
                raise GitHubError(
                    "NX807", f"GitHub cannot be asked for {path}: {reason(exc)}"
                ) from exc
            wait_s = _wait_s(response, number)
            if wait_s is None or (is_last and response.status_code >= 500):
                return _checked(response, path)
            if is_last or wait_s > self.max_wait_s:
                response.close()
                raise LimitedError(
                    "NX801",
                    f"GitHub's rate limit is reached at {path}; GitHub asks to wait {wait_s:.0f} s;"
                    " run the command again later: the runs that were added stay",
                )
            response.close()
            self.sleep(wait_s)
        raise AssertionError("unreachable")  # pragma: no cover - the loop returns or raises

    def _request(self, method: str, path: str, **arguments: Any) -> requests.Response:
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": _VERSION}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        url = f"{self.api_url.rstrip('/')}/repos/{self.repository}/{path}"
        return self._session.request(method, url, headers=headers, timeout=_TIMEOUTS_S, **arguments)

    def _back_off(self, number: int) -> None:
        self.sleep(random.uniform(0.5, 1.0) * 2**number)  # noqa: S311 - jitter is no secret


def _wait_s(response: requests.Response, number: int) -> float | None:
    """Return the seconds to wait before the next try; None if the request is answered."""
    status = response.status_code
    if status >= 500:
        return _seconds_of(response, "Retry-After") or float(2**number)
    if status not in _LIMITED:
        return None
    after = _seconds_of(response, "Retry-After")
    if after is not None:
        return after
    if response.headers.get("X-RateLimit-Remaining") == "0":
        reset = _seconds_of(response, "X-RateLimit-Reset")
        return _MINUTE_S if reset is None else max(1.0, reset - clock.time() + 1.0)
    if status == 429 or "rate limit" in _message(response).lower():
        return _MINUTE_S * float(2**number)
    return None


def _seconds_of(response: requests.Response, header: str) -> float | None:
    value: str = response.headers.get(header, "").strip()
    return float(value) if value.isascii() and value.isdecimal() and len(value) < 16 else None


def _checked(response: requests.Response, path: str) -> requests.Response:
    status = response.status_code
    if status < 400:
        return response
    said = _message(response)
    response.close()
    if status in (401, 403, 404, 410):
        raise NotAllowedError(status, "NX803", f"GitHub answers {status} to {path}: {said}")
    raise GitHubError("NX803", f"GitHub answers {status} to {path}: {said}")


def _message(response: requests.Response) -> str:
    try:
        body = response.json()
    except (ValueError, *_BROKEN):
        return response.reason or ""
    return str(body.get("message", ""))[:200] if isinstance(body, dict) else ""


def _chunks(response: requests.Response, max_bytes: int) -> Iterator[bytes]:
    n_bytes = 0
    for chunk in response.iter_content(_CHUNK_BYTES):
        n_bytes += len(chunk)
        if n_bytes > max_bytes:
            raise ArtifactError("NX809", f"the artifact is larger than {max_bytes:,} bytes")
        yield chunk


def _saved(response: requests.Response, target: Path, max_bytes: int) -> int:
    promised = _seconds_of(response, "Content-Length")
    n_bytes = 0
    with target.open("wb") as file:
        for chunk in _chunks(response, max_bytes):
            n_bytes += file.write(chunk)
    if promised is not None and n_bytes < promised:
        raise requests.ConnectionError(f"{n_bytes:,} of {promised:,.0f} bytes came")
    return n_bytes
