"""A session that goes on beside the test, to be watched and killed."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

_DEADLINE_S: Final = 120.0


class Running:
    """A session that goes on beside the test."""

    def __init__(self, process: subprocess.Popen[bytes], root: Path) -> None:
        self.process = process
        self.root = root

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        if hasattr(os, "killpg"):  # workers that are in the middle of a long test
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def wait_for(self, name: str) -> None:
        """Wait until a test of the session has written a file."""
        self._wait((self.root / name).exists, f"{name} did not appear")

    def wait_for_attempts(self, number: int) -> None:
        """Wait until that many attempts are in the newest journal."""

        def written() -> bool:
            journals = sorted((self.root / ".nexus" / "journal").glob("*.jsonl"))
            return (
                b"".join(path.read_bytes() for path in journals[-1:]).count(b'"attempt"') >= number
            )

        self._wait(written, f"not all of {number} attempts were written")

    def _wait(self, is_so: Callable[[], bool], complaint: str) -> None:
        deadline = time.monotonic() + _DEADLINE_S
        while not is_so():
            assert self.process.poll() is None, "the session ended early"
            assert time.monotonic() < deadline, complaint
            time.sleep(0.02)

    def kill(self) -> None:
        """Kill the session without a warning; of a distributed one, the controller."""
        self.process.kill()
        self.process.wait()
