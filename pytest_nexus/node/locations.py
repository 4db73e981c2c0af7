"""Read files of a place: a folder on this machine or an address, bounded in time and size."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from pytest_nexus.domain.system import clock
from pytest_nexus.domain.system.originals import Thread
from pytest_nexus.domain.system.regular_files import open_regular
from pytest_nexus.errors import DeploymentError

MAX_WAIT_S: Final = 2.0
"""For one file from an address, from the name of the server to the last byte."""

FETCH: Final = "nexus-fetch"
"""Name of the thread that reads from an address; it ends with the process."""

_NAMED: Final = re.compile(r"(?P<region>[A-Za-z0-9][\w.-]{0,62})=(?P<place>.+)")
_CHUNK_BYTES: Final = 64 * 1024


class Location(NamedTuple):
    """A place with a manifest."""

    region: str
    """Empty if the setting names none."""
    place: str
    """A folder, or the address of one."""

    @property
    def is_address(self) -> bool:
        """Whether reading takes the network."""
        return urlsplit(self.place).scheme in ("http", "https")


def locations_of(setting: str) -> list[Location]:
    """Return the places of a setting: one place, or `region=place` with commas between.

    >>> locations_of("us-east=https://a/m,eu-west=/srv/models")[1]
    Location(region='eu-west', place='/srv/models')
    """
    found = []
    for part in filter(None, (each.strip() for each in setting.split(","))):
        match = _NAMED.fullmatch(part)
        found.append(Location(match["region"], match["place"]) if match else Location("", part))
    return found


def read_bytes(location: Location, name: str, limit: int) -> bytes:
    """Return a file of a place.

    Raises:
        DeploymentError: the file cannot be read in time, or is too large.
    """
    if not location.is_address:
        return _of_folder(Path(location.place) / name, limit)
    found: list[bytes | Exception] = []

    def fetch() -> None:
        try:
            found.append(_of_address(f"{location.place.rstrip('/')}/{name}", limit))
        except Exception as exc:  # noqa: BLE001 - whatever fails in the thread is raised below
            found.append(exc)

    thread = Thread(target=fetch, name=FETCH, daemon=True)
    thread.start()
    thread.join(MAX_WAIT_S)
    answer = found[0] if found else TimeoutError()
    if isinstance(answer, DeploymentError):
        raise answer
    if isinstance(answer, Exception):
        raise _away(location) from answer
    return answer


def _of_folder(path: Path, limit: int) -> bytes:
    try:
        with open_regular(path) as file:
            data = file.read(limit + 1)
    except OSError as exc:
        raise DeploymentError(
            "NX934", f"The deployed model at {str(path)!r} cannot be read"
        ) from exc
    if len(data) > limit:
        raise _too_large()
    return data


def _of_address(url: str, limit: int) -> bytes:
    from urllib.error import HTTPError  # noqa: PLC0415 - only where an address was configured
    from urllib.request import urlopen  # noqa: PLC0415

    deadline, found = clock.perf_counter() + MAX_WAIT_S, bytearray()
    try:
        opened = urlopen(url, timeout=MAX_WAIT_S)  # noqa: S310 - http and https only
    except HTTPError as error:
        error.close()  # else the socket warns in the middle of somebody's test
        raise
    with opened as response:
        while chunk := response.read1(_CHUNK_BYTES):
            found += chunk
            if len(found) > limit:
                raise _too_large()
            if clock.perf_counter() > deadline:
                raise TimeoutError
    return bytes(found)


def _away(location: Location) -> DeploymentError:
    host = urlsplit(location.place).hostname or ""
    return DeploymentError("NX935", f"The server {host!r} of the deployed model does not answer")


def _too_large() -> DeploymentError:
    return DeploymentError("NX930", "A file of the deployed model is larger than allowed")
