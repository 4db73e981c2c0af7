"""Push to the assets of a release on GitHub.

https://docs.github.com/en/rest/releases/assets

GitHub refuses a second asset of a name. So an asset named `push.lock` lets one of two pushes in. A
manifest is uploaded under another name first, and renamed when the old one is gone; between the
two steps, and after a push that is killed there, the new one counts.
"""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import quote, urlsplit

import requests

from pytest_nexus.deployment.targets.target import MOST_REPLACED_BYTES, taken
from pytest_nexus.domain.system import originals
from pytest_nexus.errors import DeploymentError

_ADDRESS: Final = re.compile(r"github://([\w.-]+/[\w.-]+)/([\w./-]+)", re.ASCII)
_TIMEOUTS_S: Final = (5.0, 30.0)
_LOCK: Final = "push.lock"
_STALE_S: Final = 60.0
"""An older lock belongs to a push that was killed, by the clock of the server."""

_PER_PAGE: Final = 100
_TAKEN_NAME: Final = 422


class ReleaseTarget:
    """The assets of a release that exists. The token comes from GITHUB_TOKEN.

    Args:
        address: `github://owner/name/tag`.

    Raises:
        DeploymentError: the address has another form.
    """

    def __init__(self, address: str) -> None:
        match = _ADDRESS.fullmatch(address)
        if match is None or ".." in address:
            raise DeploymentError(
                "NX863", f"The address {address!r} is not of the form github://owner/name/tag"
            )
        self.place = address
        self._tag = match[2]
        environ = originals.environ
        api = environ.get("GITHUB_API_URL", "https://api.github.com").rstrip("/")
        self._url = f"{api}/repos/{match[1]}/releases"
        token = environ.get("GITHUB_TOKEN", "")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def read(self, name: str, limit: int) -> bytes | None:
        """Return a file; None if there is none."""
        assets = self._assets(self._release())
        asset = assets.get(name) or assets.get(_next(name))
        if asset is None:
            return None
        if asset["size"] > limit:
            raise DeploymentError("NX942", f"{name} in {self.place!r} is larger than allowed")
        url = f"{self._url}/assets/{int(asset['id'])}"
        return self._send("GET", url, accept="application/octet-stream").content

    def write(self, name: str, data: bytes) -> None:
        """Upload a file; an asset of this name, such as half of one, goes before."""
        release = self._release()
        self._delete(self._assets(release).get(name))
        self._upload(release, name, data)

    def replace(self, name: str, data: bytes, before: bytes | None) -> None:
        """Upload a file if it still is as it was, under a lock."""
        release = self._release()
        lock = self._lock(release)
        try:
            if self.read(name, MOST_REPLACED_BYTES) != before:
                raise taken(self.place)
            assets = self._assets(release)
            if name not in assets and _next(name) in assets:
                self._rename(assets[_next(name)], name)  # a push was killed before its last step
                assets = self._assets(release)
            self._delete(assets.get(_next(name)))
            made = self._upload(release, _next(name), data)
            self._delete(assets.get(name))
            self._rename(made, name)
        finally:
            self._delete(lock)

    def _lock(self, release: dict[str, Any]) -> dict[str, Any]:
        found = self._upload_new(release, _LOCK, b"1")
        if found is None:
            old = self._assets(release).get(_LOCK)
            if old is None or self._age_s(old) < _STALE_S:
                raise taken(self.place)
            self._delete(old)
            found = self._upload_new(release, _LOCK, b"1")
        if found is None:
            raise taken(self.place)
        return found

    def _age_s(self, asset: dict[str, Any]) -> float:
        url = f"{self._url}/assets/{int(asset['id'])}"
        now = parsedate_to_datetime(self._send("GET", url).headers["Date"])
        return (now - datetime.fromisoformat(asset["created_at"])).total_seconds()

    def _release(self) -> dict[str, Any]:
        answer = self._send("GET", f"{self._url}/tags/{quote(self._tag)}", allowed=(404,))
        if answer.status_code == 404:
            raise DeploymentError(
                "NX864",
                f"There is no release for {self.place!r} that this token may see; create it with"
                f" `gh release create {self._tag}`",
            )
        found: dict[str, Any] = answer.json()
        return found

    def _assets(self, release: dict[str, Any]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        page = 1
        while True:
            url = f"{self._url}/{int(release['id'])}/assets?per_page={_PER_PAGE}&page={page}"
            items = self._send("GET", url).json()
            found |= {item["name"]: item for item in items}
            if len(items) < _PER_PAGE:
                return found
            page += 1

    def _upload(self, release: dict[str, Any], name: str, data: bytes) -> dict[str, Any]:
        found = self._upload_new(release, name, data)
        if found is None:
            raise taken(self.place)
        return found

    def _upload_new(self, release: dict[str, Any], name: str, data: bytes) -> dict[str, Any] | None:
        """Upload an asset; None if there is one of this name."""
        base = str(release["upload_url"]).partition("{")[0]
        hosts = {urlsplit(self._url).netloc, urlsplit(self._url).netloc.replace("api.", "uploads.")}
        if urlsplit(base).netloc not in hosts:
            raise DeploymentError("NX865", f"GitHub sends uploads for {self.place!r} elsewhere")
        answer = self._send("POST", f"{base}?name={quote(name)}", data, allowed=(_TAKEN_NAME,))
        return None if answer.status_code == _TAKEN_NAME else answer.json()

    def _delete(self, asset: dict[str, Any] | None) -> None:
        if asset is not None:
            url = f"{self._url}/assets/{int(asset['id'])}"
            self._send("DELETE", url, allowed=(404,))

    def _rename(self, asset: dict[str, Any], name: str) -> None:
        url = f"{self._url}/assets/{int(asset['id'])}"
        self._send("PATCH", url, f'{{"name":"{name}"}}'.encode("ascii"))

    def _send(
        self,
        method: str,
        url: str,
        data: bytes | None = None,
        *,
        accept: str = "application/vnd.github+json",
        allowed: tuple[int, ...] = (),
    ) -> requests.Response:
        headers = self._headers | {"Accept": accept, "X-GitHub-Api-Version": "2022-11-28"}
        if data is not None:
            headers["Content-Type"] = "application/octet-stream"
        try:
            answer = requests.request(method, url, data=data, headers=headers, timeout=_TIMEOUTS_S)
        except requests.RequestException as exc:
            raise DeploymentError("NX866", f"GitHub does not answer for {self.place!r}") from exc
        if answer.status_code >= 300 and answer.status_code not in allowed:
            raise DeploymentError(
                "NX865", f"GitHub refuses {self.place!r}: HTTP {answer.status_code}"
            )
        return answer


def _next(name: str) -> str:
    return f"{name}.next"
