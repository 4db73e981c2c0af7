"""One round of a hunt: a real pytest session, recorded like every other."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_nexus import timing
from pytest_nexus.cli.collecting import loading
from pytest_nexus.cli.location import journal_folder, project_root
from pytest_nexus.errors import HuntError
from pytest_nexus.history.reading import read_journal
from pytest_nexus.options import OPTIONS
from pytest_nexus.run.hunted import HUNT_VARIABLE, write_round

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_nexus.plan.hunt import Hunted, Round
    from pytest_nexus.records import Attempt, TestKey

_SHARD_VARIABLES: Final = ("NEXUS_SHARD", "NEXUS_PLAN")
"""Would make the session run one shard only."""

_ENDED_WELL: Final = (0, 1)
_TAIL_LINES: Final = 20
_MAX_FILES: Final = 200
"""Of more files the names may not fit into a command line; then the whole suite is collected."""

_MOST_NAMED: Final = 5

_BUSY: Final = """
import os
parent = os.getppid()
while os.getppid() == parent:
    sum(range(20_000))
"""


def run_round(
    this: Round,
    running: Sequence[Hunted],
    arguments: Sequence[str],
    folder: Path,
    timeout_s: float | None,
) -> tuple[dict[TestKey, list[Attempt]], float]:
    """Run the tests of a round; return the attempts of each, and the seconds of the session.

    Args:
        this: the round.
        running: its tests.
        arguments: the user's, for pytest.
        folder: for files of the hunt; emptied by the caller.
        timeout_s: a session that takes twice as long hangs and is ended; None to wait for ever.

    Raises:
        HuntError: the session could not run the tests, or hung.
    """
    write_round(folder / "round.json", (one.key for one in running), this.seed)
    journals = folder / f"journal-{this.number}"
    command = [sys.executable, "-m", "pytest", *loading(arguments)]
    command += [
        "-p",
        "pytest_nexus.run.hunted",
        *arguments,
        *_files(running),
        "--maxfail=0",
        *_own_options(journals),
    ]
    environment = {k: v for k, v in os.environ.items() if k not in _SHARD_VARIABLES}
    environment[HUNT_VARIABLE] = str(folder / "round.json")
    started = timing.perf_counter()
    with _load(os.cpu_count() or 1 if this.is_loaded else 0):
        done = _run(command, environment, None if timeout_s is None else 2 * timeout_s)
    took_s = timing.perf_counter() - started
    shown = _attempts(journals)
    _keep(journals)
    if done is None:
        left = [one.nodeid for one in running if one.key not in shown]
        raise HuntError(
            f"The session of {this.text}, did not end in {took_s:.0f} s and was stopped; tests that"
            f" had not ended: {', '.join(left[:_MOST_NAMED])}"
        )
    if done.returncode not in _ENDED_WELL or not shown:
        error = HuntError(
            f"The session of {this.text}, ended with exit status {done.returncode} and could not"
            " run the tests"
        )
        error.output = tuple((done.stdout + done.stderr).strip().splitlines()[-_TAIL_LINES:])
        raise error
    return shown, took_s


def _own_options(journals: Path) -> list[str]:
    """Return the options of nexus: recorded, in the order of the round, each test once."""
    given = ["--nexus", "--nexus-order=off", f"--nexus-journal={journals}"]
    if any(option.name == "nexus_reruns" for option in OPTIONS):
        given.append("--nexus-reruns=0")
    return given


def _files(running: Iterable[Hunted]) -> list[str]:
    """Return the files of the tests, from the current folder."""
    root, here = project_root(Path.cwd()), Path.cwd()
    paths = dict.fromkeys(one.path for one in running)
    files = [os.path.relpath(root / path, here) if (root / path).exists() else path
             for path in paths]  # fmt: skip
    return files if len(files) <= _MAX_FILES else []


def _run(
    command: list[str], environment: dict[str, str], timeout_s: float | None
) -> subprocess.CompletedProcess[str] | None:
    """Run a session in a process group of its own; None if it had to be ended with all in it."""
    process = subprocess.Popen(  # noqa: S603 - the user's own suite, as asked for
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        stdout, stderr = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        _end(process)
        return None
    except BaseException:
        _end(process)
        raise
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)


def _end(process: subprocess.Popen[str]) -> None:
    """Kill a session and its workers, which would go on without it."""
    if os.name == "posix" and process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.communicate()


def _attempts(journals: Path) -> dict[TestKey, list[Attempt]]:
    found: dict[TestKey, list[Attempt]] = {}
    for path in journals.glob("*.jsonl"):
        for attempt in read_journal(path).attempts:
            found.setdefault(attempt.key, []).append(attempt)
    return found


def _keep(journals: Path) -> None:
    """Put the journal to the others: where sessions do not ingest, it is taken in from there."""
    kept = journal_folder()
    kept.mkdir(parents=True, exist_ok=True)
    for path in journals.glob("*.jsonl"):
        shutil.move(path, kept / path.name)


@contextmanager
def _load(n_processes: int) -> Iterator[None]:
    """Keep cores busy meanwhile; the processes end by themselves should this one be killed."""
    busy = [
        subprocess.Popen([sys.executable, "-c", _BUSY])  # noqa: S603 - our own text
        for _ in range(n_processes)
    ]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
        for process in busy:
            process.wait()
