"""What the plugin uses and test suites replace, as it was when the plugin was imported.

Suites replace `subprocess.run` and `Popen`, `os.urandom`, `time.sleep` and the clocks, some of them
when their conftest is imported. `subprocess` itself waits with the latter; here a thread waits.
"""

from __future__ import annotations

from os import urandom
from subprocess import PIPE, Popen
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["Printed", "run", "urandom"]


class Printed(NamedTuple):
    """What a program printed, and how it ended."""

    returncode: int
    stdout: bytes
    stderr: bytes


def run(
    command: Sequence[str],
    stdin: bytes,
    timeout_s: float,
    *,
    cwd: Path,
    env: Mapping[str, str],
) -> Printed | None:
    """Run a program to its end, or stop it; None: it took longer than the time allowed.

    Raises:
        OSError: it cannot be started.
        ValueError: an argument is none that a program can have.
    """
    process = Popen(  # noqa: S603 - the caller's own words
        command, cwd=cwd, env=env, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    outputs: list[tuple[bytes, bytes]] = []
    reader = Thread(target=lambda: outputs.append(process.communicate(stdin)), daemon=True)
    reader.start()
    try:
        reader.join(max(timeout_s, 0.0))
    finally:
        if not outputs:
            process.kill()
    if not outputs:
        return None
    return Printed(process.returncode, *outputs[0])
