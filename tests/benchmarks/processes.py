"""Runs a command and measures what it cost; needs `os.wait4`, which Windows does not have."""

from __future__ import annotations

import os
import subprocess
from tempfile import TemporaryFile
from time import perf_counter
from typing import TYPE_CHECKING, Final

from tests.benchmarks.sampling import Cost

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_FOREIGN: Final = ("CI", "GITHUB_", "NEXUS", "PYTEST_", "PYTHON", "COV_", "COVERAGE_")
"""What would make a session of the benchmarks another one than a user's on a laptop."""


class RunFailedError(Exception):
    """A measured command did not end as it should."""


def measured(command: Sequence[str | Path], folder: Path, status: int = 0) -> Cost:
    """Run a command in a folder and return its cost.

    Raises:
        RunFailedError: it ended with another status; with the end of what it printed.
    """
    with TemporaryFile() as output:
        start = perf_counter()
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment(),
        )
        _, ended, usage = os.wait4(process.pid, 0)
        wall_s = perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(ended)
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
    if process.returncode != status:
        shown = " ".join(map(str, command))
        raise RunFailedError(f"status {process.returncode} of {shown} in {folder}: {text[-2000:]}")
    return Cost(usage.ru_utime + usage.ru_stime, wall_s, text)


def environment() -> dict[str, str]:
    """Return this process' environment without what changes how pytest and nexus behave.

    Sessions run as in a CI, where no person waits for them.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    kept["CI"] = "true"
    return kept | {"PYTHONHASHSEED": "0"}
