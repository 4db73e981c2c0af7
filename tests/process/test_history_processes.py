"""Several processes and one history: nothing is lost, and a killed writer leaves all or nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.history.ingest import ingest_journal, pending, sweep
from pytest_nexus.history.store import open_history, read_history
from pytest_nexus.journal import writer as journal
from pytest_nexus.journal.writer import JournalWriter, is_live
from tests.support.builders import attempt, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

INGEST = """
import sys
from pathlib import Path
from pytest_nexus.history.ingest import ingest_journal
from pytest_nexus.history.store import open_history
for path in sys.argv[2:]:
    with open_history(Path(sys.argv[1])) as history:
        ingest_journal(history, Path(path))
"""

INGEST_AND_STOP = """
import os, sys
from pathlib import Path
from pytest_nexus.history.exchange import merge
from pytest_nexus.history.ingest import ingest_journal
from pytest_nexus.history.store import open_history

def stop(connection, *_):
    connection.execute("PRAGMA cache_spill = 1")
    connection.execute("PRAGMA cache_size = 2")
    connection.execute("UPDATE state SET failures = failures + 1")
    print("in the middle", flush=True)
    sys.stdin.read()

merge.refresh = stop
with open_history(Path(sys.argv[1])) as history:
    ingest_journal(history, Path(sys.argv[2]))
"""

WRITE_JOURNAL = """
import sys
from pathlib import Path
from pytest_nexus.journal.writer import JournalWriter
from tests.support.builders import attempt, run
writer = JournalWriter.create(Path(sys.argv[1]), run(1))
for n in range(100):
    writer.attempt(attempt(f"t{n}"))
print(writer.path, flush=True)
sys.stdin.read()
"""

posix = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL")


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=os.getcwd(),  # noqa: PTH109 - the folder that has tests/
        env=os.environ | {"PYTHONPATH": os.getcwd()},  # noqa: PTH109 - likewise
    )


def killed(script: str, *arguments: object) -> str:
    """Start a script, wait for its line, kill it; return the line."""
    with start(script, *arguments) as process:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        process.kill()
    return line


def session(folder: Path, uid: int, n_tests: int = 50) -> Path:
    writer = JournalWriter.create(folder, run(uid))
    for n in range(n_tests):
        writer.attempt(attempt(f"t{n}"))
    writer.end(1.0, 0, complete=True)
    writer.close()
    return writer.path


def test_six_processes_ingesting_at_once_lose_nothing(tmp_path: Path) -> None:
    history = tmp_path / "history.sqlite3"
    paths = [session(tmp_path / "journal", uid) for uid in range(1, 31)]
    processes = [start(INGEST, history, *paths[n::6], *paths[:2]) for n in range(6)]
    for process in processes:
        process.communicate(timeout=120)
    assert [process.returncode for process in processes] == [0] * 6
    with open_history(history) as opened:
        assert opened.count_runs() == 30
        assert opened.stats()[attempt("t0").key].runs == 30
        assert opened.check() == []


@posix
def test_a_writer_killed_in_the_middle_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite3"
    with open_history(path) as history:
        ingest_journal(history, session(tmp_path / "journal", 1, 2000))
        before = (history.runs(), history.stats())
    waiting = session(tmp_path / "journal", 2, 2000)
    assert killed(INGEST_AND_STOP, path, waiting) == "in the middle"
    assert path.with_name("history.sqlite3-journal").exists()
    read = read_history(path)
    assert read is not None
    with read:
        assert (read.runs(), read.stats()) == before
    with open_history(path) as history:
        assert history.check() == []
        assert ingest_journal(history, waiting).new


@posix
def test_a_copy_taken_while_a_writer_is_at_work_is_noticed(tmp_path: Path) -> None:
    path, copy = tmp_path / "history.sqlite3", tmp_path / "copy.sqlite3"
    with open_history(path) as history:
        ingest_journal(history, session(tmp_path / "journal", 1, 2000))
    waiting = session(tmp_path / "journal", 2, 2000)
    with start(INGEST_AND_STOP, path, waiting) as process:
        assert process.stdout is not None
        process.stdout.readline()
        shutil.copy(path, copy)
        process.kill()
    with open_history(copy) as history:
        assert history.check() != []


@posix
def test_readers_see_the_old_content_while_a_writer_is_at_work(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite3"
    with open_history(path) as history:
        ingest_journal(history, session(tmp_path / "journal", 1))
    waiting = session(tmp_path / "journal", 2)
    script = INGEST_AND_STOP.replace("cache_size = 2", "cache_size = 2000")
    with start(script, path, waiting) as process:
        assert process.stdout is not None
        process.stdout.readline()
        read = read_history(path)
        assert read is not None
        with read:
            assert read.count_runs() == 1
        process.kill()


@posix
def test_a_killed_session_loses_nothing_that_was_written(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    killed(WRITE_JOURNAL, folder)
    with open_history(tmp_path / "history.sqlite3") as history:
        (taken,) = sweep(history, folder)
    assert (taken.n_attempts, taken.complete, taken.dropped) == (100, False, 0)


@pytest.mark.skipif(journal.fcntl is None, reason="there are no file locks")
def test_a_session_is_live_for_other_processes_until_it_dies(tmp_path: Path) -> None:
    with start(WRITE_JOURNAL, tmp_path) as process:
        assert process.stdout is not None
        path = tmp_path / process.stdout.readline().strip()
        assert is_live(path)
        assert pending(None, tmp_path) == []
        process.kill()
    assert not is_live(path)
    assert pending(None, tmp_path) == [path]


@pytest.mark.skipif(journal.fcntl is None, reason="there are no file locks")
def test_a_forked_child_does_not_keep_an_ended_session_live(tmp_path: Path) -> None:
    writer = JournalWriter.create(tmp_path, run())
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    writer.close()
    try:
        assert not is_live(writer.path)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
