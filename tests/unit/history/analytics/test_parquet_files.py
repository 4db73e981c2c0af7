"""The tables for people, as files and as the answer to a query."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.domain.records import Change, ChangedFile
from pytest_nexus.errors import HistoryError
from pytest_nexus.history.analytics import parquet_files
from pytest_nexus.history.analytics.parquet_files import write_parquet
from pytest_nexus.history.analytics.people_tables import PEOPLE_TABLES
from pytest_nexus.history.analytics.read_only_sql import answer, require_reading
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import History, open_history
from tests.support.builders import attempt, failure, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

duckdb = pytest.importorskip("duckdb", reason="the extra bigdata is not installed")

NAME = 't.py::test_[é"\n,\\N]'
FIVE = {"runs": 1, "attempts": 5, "failures": 1, "changed_files": 1}


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    with open_history(tmp_path_factory.mktemp("people") / "history.sqlite3") as opened:
        change = Change(files=(ChangedFile("src/a.py", "M", 1, 2),))
        names = ["t0", "t1", "t2", "t\0x"]
        attempts = [attempt(name, "failed", failure=failure()) for name in (NAME, *names)]
        ingest_run(opened, run(1, 1e9)._replace(change=change), attempts)
        yield opened


@pytest.fixture(scope="module")
def folder(history: History, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables") / "parquet"
    assert history.export_parquet(folder) == FIVE
    return folder


def files(folder: Path) -> dict[str, list[str]]:
    return {each.name: sorted(file.name for file in each.iterdir()) for each in folder.iterdir()}


def test_each_table_is_a_folder_and_nothing_unfinished_stays(folder: Path) -> None:
    assert files(folder) == {table.name: ["00001.parquet"] for table in PEOPLE_TABLES}
    assert [each.name for each in folder.parent.iterdir()] == ["parquet"]


def test_the_values_come_back_as_they_were(folder: Path) -> None:
    found = answer(folder, "SELECT test, number, call_s, worker FROM attempts ORDER BY test")
    assert found.columns == ["test", "number", "call_s", "worker"]
    assert found.rows == [(name, 1, 0.1, None) for name in (NAME, "t0", "t1", "t2", "t\ufffdx")]
    query = "SELECT path, added, deleted, old_path FROM changed_files"
    assert answer(folder, query).rows == [("src/a.py", 1, 2, None)]
    query = "SELECT exception, message FROM failures"
    assert answer(folder, query).rows == [("AssertionError", "assert # == #")]
    query = "SELECT epoch(started_at), tests, trusted FROM runs"
    assert answer(folder, query).rows == [(1e9, 5, True)]


@pytest.mark.parametrize(
    ("batch", "portion", "steps"),
    [(2, 1, [2, 2, 1]), (5, 10_000, [5, 0]), (6, 2, [5]), (3, 2, [3, 2])],
)
def test_rows_are_written_in_batches(
    history: History, tmp_path: Path, batch: int, portion: int, steps: list[int]
) -> None:
    seen: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet_files, "PEOPLE_TABLES", PEOPLE_TABLES[1:2])
        patch.setattr(parquet_files, "_PORTION", portion)
        found = write_parquet(history._connection, tmp_path / "out", seen.append, batch)
    assert (found, seen) == ({"attempts": 5}, steps)
    names = [f"{at:05}.parquet" for at, step in enumerate(steps, 1) if step]
    assert files(tmp_path / "out") == {"attempts": names}
    pattern = str(tmp_path / "out" / "attempts" / "*.parquet")
    tests = duckdb.read_parquet(pattern).project("test").fetchall()
    assert len(set(tests)) == len(tests) == 5


def test_an_empty_table_is_one_file_without_rows(tmp_path: Path) -> None:
    with open_history(tmp_path / "history.sqlite3") as empty:
        assert empty.export_parquet(tmp_path / "out") == dict.fromkeys(FIVE, 0)
    assert files(tmp_path / "out") == {table.name: ["00001.parquet"] for table in PEOPLE_TABLES}
    assert answer(tmp_path / "out", "SELECT * FROM attempts").rows == []


def test_a_folder_that_exists_is_refused(history: History, tmp_path: Path) -> None:
    with pytest.raises(HistoryError) as caught:
        history.export_parquet(tmp_path)
    assert caught.value.code == "NX524"
    assert caught.value.message == f"{str(tmp_path)!r} exists already; name a new folder"


def test_a_failed_write_leaves_nothing(history: History, tmp_path: Path) -> None:
    def stop(_: int) -> None:
        raise OSError("disk full\nmore")

    with pytest.raises(HistoryError) as caught:
        history.export_parquet(tmp_path / "out", stop)
    assert caught.value.code == "NX525"
    assert caught.value.message == f"Cannot write {str(tmp_path / 'out')!r}: disk full"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "query", ["DROP TABLE runs", "SELECT 1; SELECT 2", "", "COPY runs TO 'x'", "SET threads = 1"]
)
def test_a_query_only_reads(query: str) -> None:
    with pytest.raises(HistoryError) as caught:
        require_reading(query)
    assert caught.value.code == "NX526"
    assert caught.value.message == (
        f"`nexus sql` answers one SELECT and changes nothing, got {query!r}"
    )


@pytest.mark.parametrize(
    "query", ["SELEC 1", "SELECT * FROM nowhere", "SELECT * FROM read_text('/etc/hostname')"]
)
def test_a_query_that_cannot_be_answered_is_an_error(folder: Path, query: str) -> None:
    with pytest.raises(HistoryError) as caught:
        answer(folder, query)
    assert caught.value.code == "NX528"
    assert caught.value.message.startswith("The query cannot be answered: ")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("enable_external_access", "false"),
        ("lock_configuration", "true"),
        ("autoinstall_known_extensions", "false"),
        ("autoload_known_extensions", "false"),
    ],
)
def test_a_query_reaches_nothing_else(folder: Path, setting: str, value: str) -> None:
    query = f"SELECT CAST(current_setting('{setting}') AS VARCHAR)"
    assert answer(folder, query).rows == [(value,)]


def test_a_folder_without_a_table_is_an_error_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(HistoryError) as caught:
        answer(tmp_path, "SELECT 1")
    assert caught.value.code == "NX527"
    assert caught.value.message == (
        f"{str(tmp_path)!r} has no runs/*.parquet; `nexus history export --format parquet FOLDER`"
        " writes such a folder"
    )
