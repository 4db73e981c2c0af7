from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.history.sqlite import schema
from pytest_nexus.history.sqlite.selection_tables import TABLES_OF_SELECTION
from pytest_nexus.history.sqlite.uses_tables import TABLES_OF_USES
from tests.support.histories import make_version_1, make_version_9

if TYPE_CHECKING:
    from collections.abc import Iterator

STEPS = {1: "CREATE TABLE a (x);\nINSERT INTO a VALUES (1);\n", 2: "CREATE TABLE b (y);\n"}


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as opened:
        schema.create(opened)
        yield opened


@pytest.fixture
def first(connection: sqlite3.Connection) -> sqlite3.Connection:
    """A file that says it is of version 1, for steps of our own."""
    connection.execute("PRAGMA user_version = 1")
    return connection


def tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}


def version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def test_a_new_file_has_the_tables_and_the_version(connection: sqlite3.Connection) -> None:
    assert set(schema.TABLES) <= tables(connection)
    assert version(connection) == schema.SCHEMA_VERSION


def test_every_version_before_this_one_has_a_migration() -> None:
    assert set(schema.MIGRATIONS) == set(range(1, schema.SCHEMA_VERSION))


def test_migrations_lead_step_by_step_to_the_version(first: sqlite3.Connection) -> None:
    schema.migrate(first, STEPS, to=3)
    assert {"a", "b"} <= tables(first)
    assert version(first) == 3


def test_a_file_of_the_version_is_not_migrated(first: sqlite3.Connection) -> None:
    schema.migrate(first, STEPS, to=3)
    schema.migrate(first, STEPS, to=3)
    assert first.execute("SELECT count(*) FROM a").fetchone() == (1,)


def test_the_last_step_derives_anew_in_its_transaction(first: sqlite3.Connection) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        assert {"a", "b"} <= tables(connection)
        raise ValueError("interrupted")

    with pytest.raises(ValueError, match="interrupted"):
        schema.migrate(first, STEPS, to=3, finish=fail)
    assert version(first) == 2
    assert "b" not in tables(first)


def test_a_failing_step_leaves_the_version_before_it(first: sqlite3.Connection) -> None:
    broken = {1: STEPS[1], 2: "CREATE TABLE b (y);\nCREATE TABLE b (y);\n"}
    with pytest.raises(sqlite3.OperationalError):
        schema.migrate(first, broken, to=3)
    assert version(first) == 2
    assert "b" not in tables(first)
    assert not first.in_transaction


def test_a_file_of_version_1_becomes_like_a_new_one(connection: sqlite3.Connection) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as old:
        schema.create(old)
        make_version_1(old)
        schema.migrate(old)
        assert version(old) == schema.SCHEMA_VERSION
        assert tables(old) == tables(connection)
        for table in schema.TABLES:
            columns = [
                one.execute("SELECT name, type FROM pragma_table_info(?)", (table,)).fetchall()
                for one in (old, connection)
            ]
            assert columns[0] == columns[1]


@pytest.mark.parametrize("table", schema.TABLES)
def test_every_table_and_column_has_a_comment(connection: sqlite3.Connection, table: str) -> None:
    before, _, body = schema.SCHEMA.partition(f"CREATE TABLE {table} (\n")
    assert before.splitlines()[-1].startswith("-- ")
    for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,)):
        assert re.search(rf"^    {name} .*-- \S", body, re.MULTILINE), name


def test_the_failures_of_an_older_version_are_found_when_it_is_led_on(
    connection: sqlite3.Connection,
) -> None:
    added = ("failed_test", "model", "model_alias", "order_rule", "changed_words", "run_quality")
    for table in (*added, *TABLES_OF_USES, *TABLES_OF_SELECTION):
        connection.execute(f"DROP TABLE {table}")
    make_version_9(connection)
    connection.execute("ALTER TABLE state DROP COLUMN settings")
    connection.execute("ALTER TABLE attempt RENAME COLUMN started_us TO started_ms")
    connection.execute("PRAGMA user_version = 2")
    passed, failed_call, error_in_teardown = 0o111, 0o121, 0o311
    rows = [
        (1, 1, 1, passed),
        (1, 2, 1, failed_call),
        (1, 2, 2, passed),
        (2, 3, 1, error_in_teardown),
    ]
    connection.executemany("INSERT INTO attempt VALUES (?, ?, ?, ?, 0, 0, 0, 0, NULL, NULL)", rows)
    schema.migrate(connection)
    assert connection.execute("SELECT * FROM failed_test").fetchall() == [(1, 2), (2, 3)]


def test_evidence_in_the_unit_of_an_older_version_is_forgotten(
    connection: sqlite3.Connection,
) -> None:
    connection.execute("INSERT INTO selection_evidence VALUES ('shipped', 0, 1.0, x'')")
    connection.execute("INSERT INTO selection_cut VALUES ('shipped', 0.9, 1, 0, 10, 10, 1.0, 2.0)")
    make_version_9(connection)
    schema.migrate(connection)
    for table in ("selection_evidence", "selection_cut"):
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)  # noqa: S608 - ours
