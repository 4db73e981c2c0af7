"""What a history may hold, and how much work a query may take."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.history.sqlite import untrusted
from pytest_nexus.history.sqlite.schema import SCHEMA_VERSION
from pytest_nexus.history.sqlite.untrusted import Guarded, odd_table, unknown_object
from pytest_nexus.history.store import open_history

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Row = tuple[str, str, str, str | None]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    """The schema of a new history, as SQLite stores it."""
    path = tmp_path_factory.mktemp("untrusted") / "history.sqlite3"
    with open_history(path) as history:
        query = "SELECT type, name, tbl_name, sql FROM sqlite_schema"
        return history._connection.execute(query).fetchall()


def sql_of(made: list[Row], name: str) -> str:
    return next(sql for _, each, _, sql in made if each == name and sql)


def test_a_new_history_has_nothing_unknown(made: list[Row]) -> None:
    assert unknown_object(made, SCHEMA_VERSION) == ""
    statistics: Row = ("table", "sqlite_stat1", "sqlite_stat1", "CREATE TABLE sqlite_stat1(x)")
    assert unknown_object([statistics], SCHEMA_VERSION) == ""


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (("table", "mine", "mine", "CREATE TABLE mine (x)"), "table 'mine'"),
        (("table", "run", "run", "CREATE TABLE run (x)"), "table 'run'"),
        (("table", "run", "run", None), "table 'run'"),
        (("table", "sqlite_stat9", "sqlite_stat9", ""), "table 'sqlite_stat9'"),
        (("view", "sqlite_stat1", "sqlite_stat1", ""), "view 'sqlite_stat1'"),
        (("trigger", "t", "run", "CREATE TRIGGER t"), "trigger 't'"),
        (("index", "i", "run", "CREATE INDEX i ON run (x)"), "index 'i'"),
        (("index", "i", "mine", None), "index 'i'"),
        (("trigger", "t", "run", None), "trigger 't'"),
    ],
)
def test_an_object_that_nexus_did_not_make_is_named(
    made: list[Row], row: Row, expected: str
) -> None:
    assert unknown_object([row], SCHEMA_VERSION) == expected
    assert unknown_object([*made, row, ("view", "later", "later", "")], SCHEMA_VERSION) == expected


def test_a_view_with_the_text_of_a_table_is_unknown(made: list[Row]) -> None:
    view: Row = ("view", "run", "run", sql_of(made, "run"))
    assert unknown_object([view], SCHEMA_VERSION) == "view 'run'"


def test_other_spaces_and_comments_are_the_same_table(made: list[Row]) -> None:
    sql = sql_of(made, "test").replace(",", " ,\n  -- a comment, of an older version\n ")
    assert unknown_object([("table", "test", "test", sql)], SCHEMA_VERSION) == ""
    sql = sql_of(made, "attempt").replace("started_us", "started_ms")
    assert unknown_object([("table", "attempt", "attempt", sql)], SCHEMA_VERSION) == ""


def test_only_an_older_table_may_lack_its_last_columns(made: list[Row]) -> None:
    whole = untrusted._normalised(sql_of(made, "run"))
    shorter = whole[: whole.rindex(",cores")] + ")"
    row: Row = ("table", "run", "run", shorter)
    assert unknown_object([row], SCHEMA_VERSION - 1) == ""
    assert unknown_object([row], SCHEMA_VERSION) == "table 'run'"
    other: Row = ("table", "run", "run", shorter[:-3] + ")")
    assert unknown_object([other], SCHEMA_VERSION - 1) == "table 'run'"


def test_the_first_table_with_an_odd_value_is_named(tmp_path: Path) -> None:
    with open_history(tmp_path / "history.sqlite3") as history:
        connection = history._connection
        assert odd_table(connection, untrusted.TABLES) == ""
        connection.execute("INSERT INTO tombstone VALUES (x'00')")
        connection.execute("INSERT INTO test (test_id, key) VALUES (-1, 'x')")
        assert odd_table(connection, ["run", "tombstone", "test"]) == "tombstone"
        assert odd_table(connection, ["test", "tombstone"]) == "test"
        assert odd_table(connection, ["run"]) == ""
        assert odd_table(connection, []) == ""


@pytest.fixture
def guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guarded]:
    """A connection that may take 10,000 steps, and one more for each byte of a file of 5,000."""
    monkeypatch.setattr(untrusted, "_TICK", 100)
    monkeypatch.setattr(untrusted, "_LEAST_STEPS", 10_000)
    monkeypatch.setattr(untrusted, "_STEPS_A_BYTE", 1)
    (tmp_path / "file").write_bytes(bytes(5_000))
    with closing(sqlite3.connect(":memory:", factory=Guarded)) as connection:
        assert isinstance(connection, Guarded)
        connection.guard(tmp_path / "file")
        yield connection


def count_to(connection: sqlite3.Connection, n: int) -> None:
    connection.execute(
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < ?)"
        " SELECT count(*) FROM c", (n,),
    ).fetchone()  # fmt: skip


def test_a_query_without_end_is_interrupted(guarded: Guarded) -> None:
    count_to(guarded, 400)
    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        count_to(guarded, 4_000)


def test_each_statement_has_a_limit_of_its_own(guarded: Guarded) -> None:
    for _ in range(20):
        count_to(guarded, 400)


def test_what_was_written_raises_the_limit_of_later_queries(guarded: Guarded) -> None:
    guarded.execute("CREATE TABLE t (x)")
    guarded.executemany("INSERT INTO t VALUES (?)", ((n,) for n in range(20_000)))
    count_to(guarded, 4_000)
    assert guarded._is_writing is False
    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        count_to(guarded, 400_000)


def test_a_missing_file_has_no_bytes(guarded: Guarded, tmp_path: Path) -> None:
    assert guarded._bound() == 15_000
    (tmp_path / "file").unlink()
    assert guarded._bound() == 10_000


def test_a_value_has_a_largest_size(guarded: Guarded) -> None:
    assert guarded.getlimit(sqlite3.SQLITE_LIMIT_LENGTH) == untrusted.MAX_VALUE_BYTES
