"""The station in real processes: killed in the middle, two at once, without room."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.history.store import open_history
from pytest_nexus.journal.writer import JournalWriter
from tests.support.builders import attempt, run
from tests.support.github_server import GitHubServer, zipped
from tests.support.messages import assert_message
from tests.support.project import hears_interrupts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL"),
]
_ARTIFACTS = 60
_DEADLINE_S = 120


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitHubServer]:
    """A repository with the journals of sixty jobs."""
    with GitHubServer() as running:
        for uid in range(1, _ARTIFACTS + 1):
            running.put(zipped({"a.jsonl": journal(tmp_path / "journals", uid)}))
        yield running


def journal(folder: Path, uid: int) -> bytes:
    writer = JournalWriter.create(folder, run(uid))
    for number in range(40):
        writer.attempt(attempt(f"tests/test_of_{uid}.py::test_{number}_{os.urandom(8).hex()}"))
    writer.end(1.0, 0, complete=True)
    writer.close()
    return writer.path.read_bytes()


class Station:
    """`nexus history pull` into one history, in processes of its own."""

    def __init__(self, server: GitHubServer, folder: Path) -> None:
        self.server, self.history = server, folder / "history.sqlite3"
        self.temp = folder / "temp"
        self.temp.mkdir()

    def start(self, before: Callable[[], None] | None = None) -> subprocess.Popen[str]:
        names = {"NEXUS_HISTORY": str(self.history), "TMPDIR": str(self.temp)}
        return subprocess.Popen(
            [sys.executable, "-m", "pytest_nexus.cli.main", "history", "pull"],
            cwd=self.temp, env=os.environ | self.server.environ(**names), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=before,  # noqa: PLW1509 - sets a limit, a signal
        )  # fmt: skip

    def pull(self, before: Callable[[], None] | None = None) -> tuple[int, str, str]:
        process = self.start(before)
        out, err = process.communicate(timeout=_DEADLINE_S)
        return process.returncode, out, err

    def runs(self) -> int:
        with open_history(self.history) as history:
            assert history.check() == []
            return history.count_runs()


@pytest.fixture
def station(server: GitHubServer, tmp_path: Path) -> Station:
    return Station(server, tmp_path)


def at_blob(server: GitHubServer, number: int, do: Callable[[], None]) -> None:
    """Do something when the content of an artifact is asked for."""

    def before(path: str) -> None:
        if path.startswith(f"/blob/{number}?"):
            do()

    server.before = before


@pytest.mark.parametrize("number", [3, 27, 60])
def test_pull_that_is_killed_goes_on_where_it_was(station: Station, number: int) -> None:
    process = station.start()
    at_blob(station.server, number, process.kill)
    process.communicate(timeout=_DEADLINE_S)
    assert process.returncode == -signal.SIGKILL
    stored = station.runs()
    assert stored == (number - 1) // 25 * 25
    station.server.before = None
    asked = len(station.server.asked)
    status, out, _ = station.pull()
    assert (status, station.runs()) == (0, _ARTIFACTS)
    assert out.startswith(f"{_ARTIFACTS - stored} runs with ")
    again = [path for _, path in station.server.asked[asked:] if path.endswith("/zip")]
    assert len(again) == _ARTIFACTS - stored


def test_two_stations_at_once_take_everything_in_once(station: Station) -> None:
    processes = [station.start(), station.start()]
    said = [process.communicate(timeout=_DEADLINE_S) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert station.runs() == _ARTIFACTS
    taken = [int(out.partition(" run")[0]) for out, _ in said]
    assert sum(taken) == _ARTIFACTS


def test_interrupted_pull_says_so_and_keeps_what_it_had(station: Station) -> None:
    process = station.start(hears_interrupts)
    at_blob(station.server, 30, lambda: process.send_signal(signal.SIGINT))
    _, err = process.communicate(timeout=_DEADLINE_S)
    said = err.splitlines()[-1]  # a slow pull also says how far it is
    assert (process.returncode, said) == (130, "nexus: interrupted [NX158]")
    assert station.runs() == 25
    assert list(station.temp.iterdir()) == []


def limit(n_bytes: int) -> Callable[[], None]:
    """No file of the process may grow beyond that, as on a disk that is full."""
    resource: Any = pytest.importorskip("resource")

    def before() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))

    return before


def test_history_without_room_is_left_as_it_was(station: Station) -> None:
    status, _, err = station.pull(limit(160_000))
    assert status == 1
    assert_message(err, "NX512", repr(str(station.history)))
    assert len(err.splitlines()) == 1
    assert station.runs() < _ARTIFACTS
    assert station.pull()[0] == 0
    assert station.runs() == _ARTIFACTS


def test_artifact_without_room_says_where_to_make_some(station: Station) -> None:
    large = zipped({"a.jsonl": os.urandom(3_000_000).hex().encode()})
    station.server.put(large)
    status, _, err = station.pull(limit(len(large) // 2))
    assert status == 1
    assert_message(err, "NX808", repr(str(station.temp)))
    assert station.runs() == _ARTIFACTS
    status, out, _ = station.pull()
    assert (status, out.splitlines()[0]) == (0, "0 runs with 0 attempts added from 1 artifact")
