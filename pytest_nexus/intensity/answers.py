"""Fetch JSON from a service of grid data: bounded in time and size, kept for some minutes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import requests

from pytest_nexus.domain.system import clock, originals
from pytest_nexus.domain.validation import WRONG, text
from pytest_nexus.errors import IntensityError

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUTS_S: Final = (3.0, 10.0)
MAX_BYTES: Final = 4 * 1024 * 1024
MAX_WAIT_S: Final = 20.0
"""For one answer as a whole."""

KEPT_S: Final = 600.0
"""Forecasts are renewed every half hour or less often."""

_CHUNK_BYTES: Final = 64 * 1024
_MAX_CHARS: Final = 40
_MAX_G: Final = 5_000.0
"""No plant emits as much; a larger number is in another unit."""


class Service:
    """One service; equal questions within some minutes are asked once.

    Args:
        name: for messages.
        base_url: of its API, without a final slash.
    """

    def __init__(self, name: str, base_url: str) -> None:
        self._name = name
        self._base_url = base_url.rstrip("/")
        self._kept: dict[tuple[object, ...], tuple[float, Any]] = {}

    def get(
        self,
        path: str,
        parameters: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        login: tuple[str, str] | None = None,
    ) -> Any:
        """Return the JSON answer to a GET.

        Raises:
            IntensityError: there is no good answer; the message says why.
        """
        question = (path, *sorted((parameters or {}).items()))
        kept = self._kept.get(question)
        if kept is not None and clock.perf_counter() - kept[0] < KEPT_S:
            return kept[1]
        answer = self._ask(path, parameters, headers, login)
        self._kept[question] = (clock.perf_counter(), answer)
        return answer

    def wrong(self, what: str) -> IntensityError:
        """Return the error for an answer that is not as documented."""
        return IntensityError("NX852", f"{self._name} gave an unexpected answer: {what}")

    def _ask(
        self,
        path: str,
        parameters: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        login: tuple[str, str] | None,
    ) -> Any:
        found: list[bytes | BaseException] = []

        def fetch() -> None:
            try:
                found.append(self._body(path, parameters, headers, login))
            except (IntensityError, requests.RequestException, OSError) as exc:
                found.append(exc)

        # A server that sends byte by byte meets every time-out of a single read.
        thread = originals.Thread(target=fetch, daemon=True)
        thread.start()
        thread.join(MAX_WAIT_S)
        answer = found[0] if found else requests.Timeout()
        if isinstance(answer, BaseException):
            raise self._explained(answer) from answer
        try:
            return json.loads(answer)
        except WRONG as exc:
            raise self.wrong("no JSON") from exc

    def _body(
        self,
        path: str,
        parameters: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        login: tuple[str, str] | None,
    ) -> bytes:
        with requests.get(
            self._base_url + path,
            params=parameters,
            headers=headers,
            auth=login,
            timeout=TIMEOUTS_S,
            stream=True,
            allow_redirects=False,  # keys stay with the server that they are for
        ) as response:
            if response.status_code != 200:
                raise self._refused(response)
            found = bytearray()
            for chunk in response.iter_content(_CHUNK_BYTES):
                found += chunk
                if len(found) > MAX_BYTES:
                    raise self.wrong("more than 4 MiB")
            return bytes(found)

    def _explained(self, error: BaseException) -> IntensityError:
        if isinstance(error, IntensityError):
            return error
        if isinstance(error, requests.Timeout | TimeoutError):
            return IntensityError("NX851", f"{self._name} does not answer in time; try again later")
        return IntensityError(
            "NX850", f"{self._name} cannot be reached; check the network and --intensity-url"
        )

    def _refused(self, response: requests.Response) -> IntensityError:
        status = response.status_code
        if status in (401, 403):
            return IntensityError(
                "NX853", f"{self._name} refuses the key (HTTP {status}); check the variables"
            )
        if status == 429:
            later = response.headers.get("Retry-After", "")
            wait = f" in {later} s" if later.isdigit() else " later"
            return IntensityError("NX854", f"{self._name} limits the requests; try again{wait}")
        return IntensityError("NX851", f"{self._name} answers HTTP {status}; try again later")


def moment(value: object) -> float:
    """Return a moment in ISO 8601 as seconds since the epoch; without a zone it is UTC.

    Raises:
        ValueError: the text is no moment.

    >>> moment("2018-01-20T12:00Z") == moment("2018-01-20T13:00:00+01:00")
    True
    """
    found = datetime.fromisoformat(text(value, _MAX_CHARS))
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def iso(at: float) -> str:
    """Return a moment as UTC in ISO 8601, to the minute.

    >>> iso(1516449600.0)
    '2018-01-20T12:00Z'
    """
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=at):%Y-%m-%dT%H:%MZ}"


def grams(value: object) -> float:
    """Return an intensity in grams of CO2e per kWh.

    Raises:
        ValueError: the value is no intensity.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MAX_G:
        raise ValueError(f"grams per kWh are expected, got {value!r:.50}")
    return float(value)
