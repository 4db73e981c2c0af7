from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.errors import CorruptHistoryError, HistoryError, NewerHistoryError
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.sqlite import connection as connections
from pytest_nexus.history.sqlite.connection import connect, connect_readonly, set_aside, transaction
from pytest_nexus.history.store import open_history, read_history
from tests.support.builders import attempt, run

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A history of a few pages."""
    path = tmp_path / "history.sqlite3"
    with open_history(path) as opened:
        for uid in range(1, 4):
            ingest_run(opened, run(uid), [attempt(f"a.py::t{n}") for n in range(300)])
    return path


def execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def damage(path: Path, how: Callable[[bytes], bytes]) -> Path:
    path.write_bytes(how(path.read_bytes()))
    return path


def opened_either_way(path: Path) -> None:
    """Open for reading and for writing, and look at everything."""
    for opening in (read_history, open_history):
        opened = opening(path)
        assert opened is not None
        with opened:
            opened.stats()
            opened.runs()
            for uid in range(1, 4):
                list(opened.attempts(run(uid).run_uid))


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "junk": lambda _: b"no database" * 1000,
    "short junk": lambda _: b"x",
    "half copied": lambda data: data[: len(data) // 2],
    "first page alone": lambda data: data[:4096],
    "less than the header": lambda data: data[:50],
    "end cut off": lambda data: data[:-1000],
    "zeros behind the first page": lambda data: data[:4096] + bytes(len(data) - 4096),
    "zeros in front": lambda data: bytes(4096) + data[4096:],
}


@pytest.mark.parametrize("how", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_a_corrupt_history(history: Path, how: Callable[[bytes], bytes]) -> None:
    damage(history, how)
    with pytest.raises(CorruptHistoryError, match=r"history\.sqlite3"):
        opened_either_way(history)


@pytest.mark.parametrize("opening", [connect, connect_readonly])
@pytest.mark.parametrize("how", ["junk", "half copied", "end cut off", "zeros in front"])
def test_common_damage_is_found_when_opened(
    history: Path, opening: Callable[[Path], object], how: str
) -> None:
    damage(history, DAMAGES[how])
    with pytest.raises(CorruptHistoryError):
        opening(history)


def test_a_damaged_file_is_left_as_it_is(history: Path) -> None:
    before = damage(history, DAMAGES["half copied"]).read_bytes()
    with pytest.raises(CorruptHistoryError):
        connect(history)
    assert history.read_bytes() == before


@pytest.mark.parametrize("table", ["run", "attempt", "state", "test", "tombstone", "meta"])
def test_a_missing_table_is_corrupt(history: Path, table: str) -> None:
    execute(history, f"DROP TABLE {table}")
    with pytest.raises(CorruptHistoryError, match=f"has no table '{table}'"):
        connect_readonly(history)


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE run DROP COLUMN platform",
        "ALTER TABLE attempt RENAME COLUMN outcomes TO outcome",
        "ALTER TABLE state DROP COLUMN flakes",
        "UPDATE state SET durations = x'00'",
        "UPDATE state SET last_outcome = 99",
        "UPDATE test SET key = CAST(x'FF' AS TEXT) WHERE test_id = 1",
        "UPDATE run SET selected_by = 'no json'",
        "UPDATE attempt SET number = 'one', outcomes = 'passed'",
    ],
)
def test_rows_that_nexus_did_not_write_are_corrupt(history: Path, change: str) -> None:
    execute(history, change)
    with pytest.raises(CorruptHistoryError):
        opened_either_way(history)


def test_a_newer_file_is_left_alone(history: Path) -> None:
    execute(history, "PRAGMA user_version = 99")
    before = history.read_bytes()
    for opening in (connect, connect_readonly):
        with pytest.raises(NewerHistoryError, match=r"schema 99.*upgrade"):
            opening(history)
    assert history.read_bytes() == before


def test_another_programs_database_is_no_history_and_not_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "app.sqlite3"
    execute(path, "CREATE TABLE customer (id)")
    for opening in (connect, connect_readonly):
        with pytest.raises(HistoryError, match="NX510") as caught:
            opening(path)
        assert not isinstance(caught.value, CorruptHistoryError)


def test_an_absent_file_is_none_to_a_reader(tmp_path: Path) -> None:
    path = tmp_path / "none.sqlite3"
    assert connect_readonly(path) is None
    assert not path.exists()


def test_an_empty_file_is_as_good_as_none(tmp_path: Path) -> None:
    path = tmp_path / "empty.sqlite3"
    path.touch()
    assert connect_readonly(path) is None
    connect(path).close()
    opened = connect_readonly(path)
    assert opened is not None
    opened.close()


def test_a_folder_in_its_place_is_a_history_error(tmp_path: Path) -> None:
    for opening in (connect, connect_readonly):
        with pytest.raises(HistoryError, match="NX512"):
            opening(tmp_path)


def test_a_file_in_place_of_the_folder_is_a_history_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HistoryError, match="NX513"):
        connect(tmp_path / "file" / "history.sqlite3")


@pytest.mark.parametrize("name", ["a b?c#d%41.sqlite3", "é.sqlite3"])
def test_every_character_of_a_path_is_itself(tmp_path: Path, name: str) -> None:
    connect(tmp_path / name).close()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_reader_cannot_write(history: Path) -> None:
    opened = read_history(history)
    assert opened is not None
    with opened, pytest.raises(HistoryError, match="readonly"):
        ingest_run(opened, run(9), [attempt()])


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions are not POSIX ones")
def test_a_readonly_file_in_a_readonly_folder_can_be_read(history: Path) -> None:
    with tempfile.TemporaryDirectory() as name, closing(ExitStack()) as undo:
        folder = Path(name)
        path = Path(shutil.copy(history, folder))
        path.chmod(0o444)
        folder.chmod(0o555)
        undo.callback(folder.chmod, 0o755)
        if os.geteuid() == 0:  # nothing is read-only to root
            os.seteuid(65534)
            undo.callback(os.seteuid, 0)
        opened = read_history(path)
        assert opened is not None
        with opened:
            assert opened.count_runs() == 3
        with pytest.raises(HistoryError), open_history(path) as writable:
            ingest_run(writable, run(9), [attempt()])


def test_a_lock_held_too_long_is_a_history_error(
    history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "BUSY_TIMEOUT_S", 0.05)
    with closing(sqlite3.connect(history, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(HistoryError, match="NX511"):
            connect(history)


def test_a_history_is_one_file_even_after_write_ahead_logging(history: Path) -> None:
    execute(history, "PRAGMA journal_mode = WAL")
    with open_history(history) as opened:
        ingest_run(opened, run(9), [attempt()])
    copy = read_history(Path(shutil.copy(history, history.with_name("copy.sqlite3"))))
    assert copy is not None
    with copy:
        assert copy.count_runs() == 4


def deleting_and_interrupted(connection: sqlite3.Connection, path: Path) -> None:
    with transaction(connection, path):
        connection.execute("DELETE FROM run")
        raise KeyboardInterrupt


def test_an_interrupted_transaction_leaves_nothing(history: Path) -> None:
    with closing(connect(history)) as connection:
        with pytest.raises(KeyboardInterrupt):
            deleting_and_interrupted(connection, history)
        assert connection.execute("SELECT count(*) FROM run").fetchone() == (3,)


def test_set_aside_keeps_every_file(history: Path) -> None:
    names = []
    for content in (b"first", b"second"):
        history.write_bytes(content)
        names.append(set_aside(history).name)
    assert names == ["history.sqlite3.corrupt-1", "history.sqlite3.corrupt-2"]
    assert history.with_name(names[0]).read_bytes() == b"first"
    assert not history.exists()


def test_set_aside_takes_the_rollback_journal_along(history: Path) -> None:
    history.with_name("history.sqlite3-journal").write_bytes(b"old pages")
    set_aside(history)
    assert sorted(path.name for path in history.parent.iterdir()) == [
        "history.sqlite3.corrupt-1",
        "history.sqlite3.corrupt-1-journal",
    ]


def test_a_history_of_this_version_is_not_derived_again(history: Path) -> None:
    connect(history, lambda _: pytest.fail("nothing is derived")).close()


def test_what_a_killed_writer_left_is_rolled_back_by_a_reader(
    history: Path, tmp_path: Path
) -> None:
    """A copy of a file in the middle of a transaction, with its rollback journal."""
    copy = tmp_path / "copy.sqlite3"
    with closing(sqlite3.connect(history, isolation_level=None)) as writer:
        writer.execute("PRAGMA cache_size = 1")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM attempt")
        writer.execute("UPDATE test SET key = key || 'x'")
        shutil.copy(history, copy)
        shutil.copy(f"{history}-journal", f"{copy}-journal")
    found = read_history(copy)
    assert found is not None
    with found:
        assert len(list(found.attempts(run(1).run_uid))) == 300
        assert len(found.stats()) == 300
    assert not Path(f"{copy}-journal").exists()
