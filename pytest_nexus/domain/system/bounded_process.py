"""Runs a program with a bound on its time and on its output, whatever it starts itself.

`subprocess` waits for a time with `time.sleep`, which test suites replace; here threads wait.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

from pytest_nexus.domain.system.originals import PIPE, Popen, Thread, read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_CHUNK_BYTES: Final = 64 * 1024
_MAX_ERROR_BYTES: Final = 64 * 1024
_AFTERWARDS_S: Final = 1.0
"""How long to wait for the output of a process that has ended."""


class Finished(NamedTuple):
    """What a process did."""

    returncode: int
    stdout: bytes
    stderr: bytes
    is_cut: bool
    """Whether it printed more than was wanted, and was ended for that."""


def run_bounded(
    command: Sequence[str],
    folder: Path,
    environ: Mapping[str, str],
    *,
    stdin: bytes,
    max_bytes: int,
    timeout_s: float,
) -> Finished | None:
    """Return what a program printed, or the first `max_bytes` of that; None if it took longer.

    Raises:
        OSError: the program cannot be started.
        ValueError: an argument is none that a program can have.
    """
    if timeout_s <= 0:
        return None
    process = Popen(
        command,
        cwd=folder,
        env=environ,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        start_new_session=os.name != "nt",  # so that its children end with it
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    output = _Reader(process.stdout, max_bytes, process)
    errors = _Reader(process.stderr, _MAX_ERROR_BYTES, None)
    writer = Thread(target=_write, args=(process.stdin, stdin), daemon=True)
    waiter = Thread(target=process.wait, daemon=True)
    threads = (output, errors, writer, waiter)
    for thread in threads:
        thread.start()
    try:
        waiter.join(timeout_s)
    finally:
        is_late = waiter.is_alive()
        if is_late:
            end_all(process)
        for thread in threads:
            thread.join(_AFTERWARDS_S)
    if any(thread.is_alive() for thread in threads):  # a child of it holds the pipe
        end_all(process)
    if is_late:
        return None
    return Finished(process.returncode, output.taken(), errors.taken(), output.is_cut)


def end_all(process: Any) -> None:
    """End a process and those that it started."""
    with suppress(OSError):
        if os.name == "nt":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)


class _Reader(Thread):
    """Reads a pipe to its end; ends the process once there is more than is wanted."""

    def __init__(self, pipe: IO[bytes], max_bytes: int, process: Any | None) -> None:
        super().__init__(daemon=True)
        self._pipe = pipe
        self._max_bytes = max_bytes
        self._process = process
        self._chunks: list[bytes] = []
        self.is_cut = False

    def run(self) -> None:
        """Read; what is too much is dropped."""
        size = 0
        with suppress(OSError, ValueError), self._pipe:
            while chunk := read(self._pipe.fileno(), _CHUNK_BYTES):
                if size < self._max_bytes:
                    self._chunks.append(chunk[: self._max_bytes - size])
                size += len(chunk)
                if size > self._max_bytes and self._process is not None and not self.is_cut:
                    self.is_cut = True
                    end_all(self._process)

    def taken(self) -> bytes:
        """Return what was read so far."""
        return b"".join(self._chunks)


def _write(pipe: IO[bytes], content: bytes) -> None:
    with suppress(OSError), pipe:  # it may end without reading
        pipe.write(content)
