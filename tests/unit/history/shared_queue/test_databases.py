"""What the queue asks a server of PostgreSQL for, with a driver that only listens."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self

import pytest

from pytest_nexus.errors import OptionError, QueueAwayError
from pytest_nexus.history.shared_queue import databases
from pytest_nexus.history.shared_queue.databases import (
    _SCHEMA_LOCK,
    BUSY_S,
    PostgresDatabase,
    SqliteDatabase,
)
from pytest_nexus.history.shared_queue.statements import TABLES

if TYPE_CHECKING:
    from pathlib import Path

URL = "postgresql://user:secret@host/queue"
LIMITS = {"connect_timeout": 10, "tcp_user_timeout": 10_000}
BEGIN = (
    "begin; set local statement_timeout = 8000;"
    " set local idle_in_transaction_session_timeout = 8000"
)
LOOK = ("select to_regclass('nexus_queue_results')",)


class DriverError(Exception):
    pass


class Driver:
    """Stands for psycopg, its connections and their cursors."""

    Error = DriverError

    def __init__(self) -> None:
        self.has_tables = True
        self.parts = {"password": "secret"}
        self.fails_to_close = False
        self.asked: list[tuple[object, ...]] = []
        self.connections: list[Connection] = []
        self.connected: list[tuple[object, ...]] = []
        self.conninfo = SimpleNamespace(conninfo_to_dict=self._parts)

    def _parts(self, url: str) -> dict[str, str]:
        assert url == URL
        return self.parts

    def connect(self, url: str, **settings: object) -> Connection:
        self.connected.append((url, settings))
        self.connections.append(Connection(self))
        return self.connections[-1]


class Connection:
    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self.closed = False

    def cursor(self) -> Connection:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, *asked: object) -> None:
        self._driver.asked.append(asked)
        if asked == ("fail",):
            raise DriverError("it said secret\nand more")

    def fetchone(self) -> tuple[object]:
        return ("nexus_queue_results" if self._driver.has_tables else None,)

    def close(self) -> None:
        self.closed = True
        if self._driver.fails_to_close:
            raise DriverError("cannot close")


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    made = Driver()
    loaded: dict[str, object] = {"psycopg": made}
    monkeypatch.setattr(databases, "import_module", loaded.__getitem__)

    def bounded(module: object, silent_s: float) -> Driver:
        assert module is made
        made.connected.append((silent_s,))
        return made

    monkeypatch.setattr(databases, "bounded", bounded)
    return made


def test_a_transaction_limits_itself_and_the_connection_stays(driver: Driver) -> None:
    database = PostgresDatabase(URL)
    assert driver.connected == []
    for number in (1, 2):
        assert database.transact(lambda cursor, n=number: cursor.execute("work") or n) == number
    work = [(BEGIN,), ("work",), ("commit",)]
    assert driver.asked == [(BEGIN,), LOOK, ("commit",), *work, *work]
    settings = {"autocommit": True, "prepare_threshold": None}
    assert driver.connected == [(BUSY_S,), (URL, settings | LIMITS)]


def test_missing_tables_are_made_once_behind_a_lock(driver: Driver) -> None:
    driver.has_tables = False
    PostgresDatabase(URL).transact(lambda _: None)
    lock = ("select pg_advisory_xact_lock(%s)", (_SCHEMA_LOCK,))
    tables = [(statement,) for statement in TABLES]
    assert driver.asked[:-2] == [(BEGIN,), LOOK, lock, *tables, ("commit",)]


def test_the_limits_follow_the_longest_answer(driver: Driver) -> None:
    PostgresDatabase(URL, 2.5).transact(lambda _: None)
    assert driver.connected[0] == (2.5,)
    assert driver.connected[1][1]["connect_timeout"] == 3  # type: ignore[index] # a mapping
    assert driver.connected[1][1]["tcp_user_timeout"] == 2500  # type: ignore[index] # likewise
    assert driver.asked[0] == (BEGIN.replace("8000", "2000"),)


def test_a_limit_of_the_address_counts(driver: Driver) -> None:
    PostgresDatabase(f"{URL}?connect_timeout=3").transact(lambda _: None)
    settings: Any = driver.connected[1][1]
    assert "connect_timeout" not in settings
    assert settings["tcp_user_timeout"] == 10_000


@pytest.mark.parametrize("fails_to_close", [False, True])
def test_an_error_closes_the_connection_and_hides_the_password(
    driver: Driver, fails_to_close: bool
) -> None:
    driver.fails_to_close = fails_to_close
    database = PostgresDatabase(URL)
    with pytest.raises(QueueAwayError) as caught:
        database.transact(lambda cursor: cursor.execute("fail"))
    assert caught.value.code == "NX271"
    assert caught.value.message == "The shared queue does not answer: it said *** and more"
    assert driver.connections[0].closed
    assert ("commit",) not in driver.asked[3:]
    database.transact(lambda _: None)
    assert len(driver.connections) == 2


@pytest.mark.parametrize("parts", [{}, {"password": ""}])
def test_without_a_password_an_error_stays_as_it_is(driver: Driver, parts: dict[str, str]) -> None:
    driver.parts = parts
    with pytest.raises(QueueAwayError, match="it said secret and more"):
        PostgresDatabase(URL).transact(lambda cursor: cursor.execute("fail"))


def test_a_long_error_is_cut(driver: Driver) -> None:
    def fail(_: object) -> None:
        raise OSError("x" * 999)

    with pytest.raises(QueueAwayError) as caught:
        PostgresDatabase(URL).transact(fail)
    assert caught.value.message == f"The shared queue does not answer: {'x' * 200}"


def test_an_error_of_the_work_closes_the_connection_too(driver: Driver) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        PostgresDatabase(URL).transact(interrupted)
    assert driver.connections[0].closed


def test_a_connection_without_its_tables_is_closed(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "_create", lambda cursor: cursor.execute("fail"))
    with pytest.raises(QueueAwayError):
        PostgresDatabase(URL).transact(lambda _: None)
    assert [each.closed for each in driver.connections] == [True]


def test_a_lost_connection_is_opened_again(driver: Driver) -> None:
    database = PostgresDatabase(URL)
    database.transact(lambda _: None)
    driver.connections[0].closed = True
    database.transact(lambda _: None)
    assert [each.closed for each in driver.connections] == [True, False]
    database.close()
    database.close()
    assert driver.connections[1].closed
    database.transact(lambda _: None)
    assert len(driver.connections) == 3


def test_without_psycopg_the_remedy_is_to_install_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr(databases, "import_module", missing)
    with pytest.raises(OptionError) as caught:
        PostgresDatabase(URL)
    assert caught.value.code == "NX270"
    assert caught.value.message == (
        "The shared queue in PostgreSQL needs psycopg; run `pip install"
        " 'pytest-nexus-ci[postgres]'`"
    )


def test_a_file_is_rolled_back_after_an_error(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "folder" / "q.db")

    def fail(cursor: Any) -> None:
        cursor.execute("create table t (x)")
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - the one raised above
        database.transact(fail)
    database.transact(lambda cursor: cursor.execute("create table t (x)"))
    with pytest.raises(QueueAwayError) as caught:
        database.transact(lambda cursor: cursor.execute("create table t (x)"))
    assert caught.value.message == (
        "The shared queue does not answer: q.db: table t already exists"
    )
    modes = [
        database.transact(lambda cursor, name=name: cursor.execute(f"pragma {name}").fetchone()[0])
        for name in ("journal_mode", "synchronous")
    ]
    assert modes == ["wal", 1]
    database.close()
    database.close()
