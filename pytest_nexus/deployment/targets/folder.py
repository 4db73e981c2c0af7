"""Push to a folder: a shared disk, or a checked-out branch."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_nexus.deployment.targets.target import MOST_REPLACED_BYTES, taken
from pytest_nexus.domain.system import clock
from pytest_nexus.domain.system.files import replacing
from pytest_nexus.domain.system.regular_files import open_regular
from pytest_nexus.errors import DeploymentError

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOCK: Final = ".push.lock"
_STALE_S: Final = 60.0
"""A lock that is older belongs to a push that was killed; a push holds it for milliseconds."""

_WAIT_S: Final = 5.0


class FolderTarget:
    """A folder; created at the first push.

    Args:
        address: its path.
    """

    def __init__(self, address: str) -> None:
        self._folder = Path(address)

    @property
    def place(self) -> str:
        """The path."""
        return str(self._folder)

    def read(self, name: str, limit: int) -> bytes | None:
        """Return a file; None if there is none."""
        try:
            with open_regular(self._folder / name) as file:
                data = file.read(limit + 1)
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise self._failed("read", exc) from exc
        if len(data) > limit:
            raise DeploymentError("NX942", f"{name} in {self.place!r} is larger than allowed")
        return data

    def write(self, name: str, data: bytes) -> None:
        """Write a file, and rename it when all of it is on the disk."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with replacing(self._folder / name) as unfinished, unfinished.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as exc:
            raise self._failed("written to", exc) from exc

    def replace(self, name: str, data: bytes, before: bytes | None) -> None:
        """Write a file if it still is as it was, under a lock."""
        with self._locked():
            if self.read(name, MOST_REPLACED_BYTES) != before:
                raise taken(self.place)
            self.write(name, data)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        path = self._folder / _LOCK
        waited_since = clock.perf_counter()
        while True:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
                break
            except FileExistsError:
                if self._is_stale(path):
                    path.unlink(missing_ok=True)
                elif clock.perf_counter() - waited_since > _WAIT_S:
                    raise taken(self.place) from None
                else:
                    clock.nap(0.02)
            except OSError as exc:
                raise self._failed("written to", exc) from exc
        try:
            yield
        finally:
            path.unlink(missing_ok=True)

    def _is_stale(self, path: Path) -> bool:
        try:
            return clock.time() - path.stat().st_mtime > _STALE_S
        except OSError:
            return False

    def _failed(self, verb: str, error: OSError) -> DeploymentError:
        return DeploymentError(
            "NX944", f"The target {self.place!r} cannot be {verb}: {error.strerror or error}"
        )
