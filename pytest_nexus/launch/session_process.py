"""Start a pytest session for the user, and end it together with its child processes."""

from __future__ import annotations

import subprocess
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Final

from pytest_nexus.domain.system import originals
from pytest_nexus.domain.system.bounded_process import end_all
from pytest_nexus.project import path_from, project_root, settings_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

UNDISTURBED: Final = ("-p", "pytest_nexus.launch.collection_order_plugin")
"""Makes a session run in one process, in an order that no other plugin changes."""

_SHARD_VARIABLES: Final = ("NEXUS_SHARD", "NEXUS_PLAN", "NEXUS_QUEUE")
"""Variables that would limit the session to one shard."""

_TAIL_LINES: Final = 20
_MAX_FILES: Final = 200
"""More file names may not fit into a command line; then the whole suite is collected."""


def whole_environment(**variables: str) -> dict[str, str]:
    """Return the environment of a session that is not a shard, with additional variables."""
    return {k: v for k, v in originals.environ.items() if k not in _SHARD_VARIABLES} | variables


def files_of(paths: Iterable[str]) -> list[str]:
    """Return arguments that name files of the project, relative to the current folder.

    Return no arguments, for the whole suite, if there are too many files. A folder below the root
    may have its own settings. pytest would then take that folder for the root, and the tests would
    get other names. So the arguments also name the settings of the root.
    """
    root, here = project_root(Path.cwd()), Path.cwd()
    different = list(dict.fromkeys(paths))
    if len(different) > _MAX_FILES:
        return []
    settings = settings_file(root)
    pinned = []
    if settings is not None and _has_settings_below(root, different):
        pinned = ["-c", str(settings), f"--rootdir={root}"]
    files = [path_from(here, root / path) if (root / path).exists() else path
             for path in different]  # fmt: skip
    return [*pinned, *files]


def _has_settings_below(root: Path, paths: Iterable[str]) -> bool:
    folders = {parent for path in paths for parent in Path(path).parents} - {Path()}
    return any(settings_file(root / folder) is not None for folder in folders)


def run_to_end(
    command: Sequence[str],
    environment: dict[str, str],
    timeout_s: float | None,
    folder: Path | None = None,
) -> subprocess.CompletedProcess[str] | None:
    """Run a session in its own process group; None if the group had to be ended.

    The output goes into files. A process that outlives the session could hold a pipe open for
    ever, and on Windows only the session itself can be ended.

    Args:
        command: the command line.
        environment: of the session.
        timeout_s: seconds after which the session is ended; None for no limit.
        folder: in which the session starts; None for the current one.
    """
    with _output() as stdout, _output() as stderr:
        process = subprocess.Popen(  # noqa: S603 - the user's own suite, as asked for
            command, cwd=folder, env=environment, stdout=stdout, stderr=stderr,
            start_new_session=True,
        )  # fmt: skip
        try:
            process.wait(timeout_s)
        except BaseException as exc:
            end_all(process)
            process.wait()
            if isinstance(exc, subprocess.TimeoutExpired):
                return None
            raise
        texts = [_read(stdout), _read(stderr)]
    return subprocess.CompletedProcess(list(command), process.returncode, *texts)


def tail(done: subprocess.CompletedProcess[str]) -> tuple[str, ...]:
    """Return the last lines of a session's output."""
    return tuple((done.stdout + done.stderr).strip().splitlines()[-_TAIL_LINES:])


def _output() -> IO[str]:
    return TemporaryFile("w+", errors="replace")


def _read(file: IO[str]) -> str:
    file.seek(0)
    return file.read()
