"""Run a program with limits on its time and output, including the processes that it starts.

The time-out of `subprocess` uses `time.sleep`, which test suites replace. Here threads wait.
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
"""Seconds to wait for the rest of the output after a process has ended."""


class Finished(NamedTuple):
    """The result of a process."""

    returncode: int
    stdout: bytes
    stderr: bytes
    is_cut: bool
    """Whether the process was ended because it printed too much."""


def run_bounded(
    command: Sequence[str],
    folder: Path,
    environ: Mapping[str, str],
    *,
    stdin: bytes,
    max_bytes: int,
    timeout_s: float,
) -> Finished | None:
    """Return the output of a program, cut at `max_bytes`; None if it took too long.

    Raises:
        OSError: the program cannot be started.
        ValueError: an argument is not valid for a program.
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
        start_new_session=os.name != "nt",  # so that its child processes end with it
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
    if any(thread.is_alive() for thread in threads):  # a child process holds the pipe
        end_all(process)
    if is_late:
        return None
    return Finished(process.returncode, output.taken(), errors.taken(), output.is_cut)


def end_all(process: Any) -> None:
    """End a process and the processes that it started."""
    with suppress(OSError):
        if os.name == "nt":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)


class _Reader(Thread):
    """Reads a pipe to its end; ends the process if the output is too long."""

    def __init__(self, pipe: IO[bytes], max_bytes: int, process: Any | None) -> None:
        super().__init__(daemon=True)
        self._pipe = pipe
        self._max_bytes = max_bytes
        self._process = process
        self._chunks: list[bytes] = []
        self.is_cut = False

    def run(self) -> None:
        """Read the pipe; drop the output beyond the limit."""
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
        """Return the output that was read so far."""
        return b"".join(self._chunks)


def _write(pipe: IO[bytes], content: bytes) -> None:
    with suppress(OSError), pipe:  # the process may end without reading
        pipe.write(content)
