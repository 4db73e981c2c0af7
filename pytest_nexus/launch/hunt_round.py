"""Run one round of a hunt: a real pytest session, recorded like any other."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.system import clock
from pytest_nexus.errors import HuntError
from pytest_nexus.journal.reader import read_journal
from pytest_nexus.launch.collect import loading
from pytest_nexus.launch.hunt_plugin import HUNT_VARIABLE, write_round
from pytest_nexus.launch.session_process import (
    UNDISTURBED,
    files_of,
    run_to_end,
    tail,
    whole_environment,
)
from pytest_nexus.option_rows import OPTIONS
from pytest_nexus.project import journal_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pytest_nexus.domain.records import Attempt, TestKey
    from pytest_nexus.plan.flakiness.hunt import Hunted, Round

_ENDED_WELL: Final = (0, 1)
_MOST_NAMED: Final = 5

_BUSY: Final = """
import os, sys, threading

def follow():
    sys.stdin.buffer.read()
    os._exit(0)

threading.Thread(target=follow, daemon=True).start()
while True:
    sum(range(20_000))
"""
"""Ends when its input ends, so it never outlives the command; Windows keeps a dead parent's id."""


def run_round(
    this: Round,
    running: Sequence[Hunted],
    arguments: Sequence[str],
    folder: Path,
    timeout_s: float | None,
) -> tuple[dict[TestKey, list[Attempt]], float]:
    """Run the tests of a round; return the attempts of each test and the seconds of the session.

    Args:
        this: the round.
        running: its tests, in the order of the round if it has an order.
        arguments: the user's arguments for pytest.
        folder: for files of the hunt; the caller empties it.
        timeout_s: a session that takes twice as long hangs and is ended; None for no limit.

    Raises:
        HuntError: the session could not run the tests, or hung.
    """
    keys = [one.key for one in running]
    write_round(folder / "round.json", keys, this.seed, in_order=bool(this.order))
    journals = folder / f"journal-{this.number}"
    command = [sys.executable, "-m", "pytest", *loading(arguments)]
    command += [
        *(UNDISTURBED if this.order else ()),
        "-p",
        "pytest_nexus.launch.hunt_plugin",
        *arguments,
        *files_of(one.path for one in running),
        "--maxfail=0",
        *_own_options(journals),
    ]
    environment = whole_environment(**{HUNT_VARIABLE: str(folder / "round.json")})
    started = clock.perf_counter()
    with _load(os.cpu_count() or 1 if this.is_loaded else 0):
        done = run_to_end(command, environment, None if timeout_s is None else 2 * timeout_s)
    took_s = clock.perf_counter() - started
    shown = _attempts(journals)
    _keep(journals)
    if done is None:
        left = [one.nodeid for one in running if one.key not in shown]
        raise HuntError(
            "NX702",
            f"The session of {this.text}, did not end in {took_s:.0f} s and was stopped; tests that"
            f" had not ended: {', '.join(left[:_MOST_NAMED])}",
        )
    if done.returncode not in _ENDED_WELL or not shown:
        error = HuntError(
            "NX701",
            f"The session of {this.text}, ended with exit status {done.returncode} and could not"
            " run the tests",
        )
        error.output = tail(done)
        raise error
    return shown, took_s


def _own_options(journals: Path) -> list[str]:
    """Return the options of nexus: record, keep the order of the round, run each test once."""
    given = ["--nexus", "--nexus-order=off", f"--nexus-journal={journals}"]
    if any(option.name == "nexus_reruns" for option in OPTIONS):
        given.append("--nexus-reruns=0")
    return given


def _attempts(journals: Path) -> dict[TestKey, list[Attempt]]:
    found: dict[TestKey, list[Attempt]] = {}
    for path in journals.glob("*.jsonl"):
        for attempt in read_journal(path).attempts:
            found.setdefault(attempt.key, []).append(attempt)
    return found


def _keep(journals: Path) -> None:
    """Move the journal to the others, where the next ingest finds it if sessions do not ingest."""
    kept = journal_folder()
    kept.mkdir(parents=True, exist_ok=True)
    for path in journals.glob("*.jsonl"):
        shutil.move(path, kept / path.name)


@contextmanager
def _load(n_processes: int) -> Iterator[None]:
    """Keep cores busy meanwhile; the processes end by themselves if this process is killed."""
    busy = [
        subprocess.Popen([sys.executable, "-c", _BUSY], stdin=subprocess.PIPE)  # noqa: S603 - our own text
        for _ in range(n_processes)
    ]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
        for process in busy:
            process.communicate()
