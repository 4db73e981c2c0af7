"""Run a command with its own streams and signals, and watch its Python processes."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.system.originals import Popen
from pytest_nexus.record.startup import process_recorder as recorder
from pytest_nexus.steps.observed import observe

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from pytest_nexus.steps.observed import Observed
    from pytest_nexus.steps.used_things import Surroundings

STARTUP: Final = Path(recorder.__file__).parent
_FORWARDED: Final = ("SIGTERM", "SIGHUP")


def run_watched(
    command: Sequence[str], folder: Path, around: Surroundings, outputs: Collection[str]
) -> tuple[int, Observed]:
    """Return the exit status of a command, and what it used; below 0 for the number of a signal.

    The standard input is empty, because nobody could see what the command reads from it.

    Raises:
        OSError: the command cannot be started.
    """
    with tempfile.TemporaryDirectory(prefix="nexus-step-") as records:
        environ = watched_environ(around.environ, Path(records), around.root)
        status = run_plain(command, folder, environ, stdin=DEVNULL)
        return status, observe(Path(records), around, outputs, STARTUP)


def watched_environ(environ: Mapping[str, str], records: Path, root: Path) -> dict[str, str]:
    """Return an environment in which every Python process watches itself."""
    path = [str(STARTUP), *filter(None, [environ.get("PYTHONPATH", "")])]
    return {
        **environ,
        "PYTHONPATH": os.pathsep.join(path),
        recorder.FOLDER_VARIABLE: str(records),
        recorder.ROOT_VARIABLE: str(root),
    }


def run_plain(
    command: Sequence[str], folder: Path, environ: Mapping[str, str], stdin: int | None = None
) -> int:
    """Return the exit status of a command that prints as if it had been called alone.

    Args:
        command: the program and its arguments.
        folder: in which the command runs.
        environ: its environment.
        stdin: as for `Popen`; None for the input of this process.
    """
    process = Popen(command, cwd=folder, env=environ, stdin=stdin)
    with _forwarding(process):
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:  # the terminal sends the same signal to the command
                continue


@contextmanager
def _forwarding(process: Popen[bytes]) -> Iterator[None]:
    """Pass signals on that end this process; only the main thread can receive them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def forward(number: int, _frame: Any) -> None:
        process.send_signal(number)

    names = [name for name in _FORWARDED if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), forward) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
