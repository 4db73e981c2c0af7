"""A connection to a collector that counts how long it waits for answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import requests

from pytest_nexus.domain.system import clock

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_S: Final = 2.0
"""The longest wait for a collector in a session, in seconds, over all requests."""


class BoundedHTTP(requests.Session):
    """Counts the wait from a request to a good answer; pauses before a retry count too."""

    def __init__(self) -> None:
        super().__init__()
        self._done_s = 0.0
        self._since: float | None = None
        self.status: int | None = None
        """Status of the last answer; None if the last request had none."""
        self.problem = ""
        """What the last request met, in a few words; empty after a good answer."""

    @property
    def waited_s(self) -> float:
        """Return the seconds of waiting, those of the open request included."""
        since = self._since
        return self._done_s + (0.0 if since is None else clock.perf_counter() - since)

    def request(self, *arguments: Any, **options: Any) -> requests.Response:
        """Send a request, and note the answer."""
        if self._since is None:
            self._since = clock.perf_counter()
        self.status = None
        self.problem = f"no answer within {MOST_S:g} s"
        try:
            response = super().request(*arguments, **options)
        except requests.exceptions.ConnectTimeout:
            raise
        except requests.exceptions.ConnectionError:
            self.problem = "no connection"
            raise
        except requests.exceptions.RequestException as exc:
            if not isinstance(exc, requests.exceptions.Timeout):
                self.problem = f"{type(exc).__name__}"
            raise
        self.status = response.status_code
        if response.ok:
            self._done_s += clock.perf_counter() - self._since
            self._since = None
            self.problem = ""
        else:
            self.problem = f"it answered {response.status_code}"
        return response


def place_of(environ: Mapping[str, str]) -> str:
    """Return scheme, host and port of the collector, without what else a URL may tell.

    >>> place_of({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://user:secret@collector:4318/x?key=1"})
    'https://collector:4318'
    """
    given = (environ.get(f"OTEL_EXPORTER_OTLP{part}_ENDPOINT") for part in ("_TRACES", ""))
    url = urlsplit(next(filter(None, given), "http://localhost:4318"))
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}"
