"""What a run log asks a server for, and what it makes of the answers."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.errors import HistoryError
from pytest_nexus.history.postgres import run_log
from pytest_nexus.history.postgres.run_log import Entry, RunLog, open_run_log, translated
from pytest_nexus.history.postgres.run_log_address import run_log_address
from pytest_nexus.history.postgres.run_log_schema import MIGRATIONS, migrate, version_of

if TYPE_CHECKING:
    from collections.abc import Iterator

psycopg = pytest.importorskip("psycopg", reason="the extra postgres is not installed")

ADDRESS = run_log_address("postgresql://user:secret@host/runs?schema=mine")
UNCLEAR = ": libpq does not understand the address or one of its parameters;"
RANK = (True, False, 3, b"digest", True, False, True)


class Server:
    """Stands for a connection and its cursor; knows the tables of one schema."""

    def __init__(self, version: int | None = None, roles: tuple[str, ...] = ()) -> None:
        self.version = version
        self.roles = set(roles)
        self.rows: list[Any] = []
        self.asked: list[tuple[str, Any]] = []
        self.many: list[tuple[str, list[Any]]] = []
        self.rowcount = 0
        self.within = 0
        self.is_open = True
        self._found: list[Any] = []

    def execute(self, query: str, values: Any = None) -> Server:
        self.asked.append((query, values))
        self._found = self.rows
        if "FROM pg_tables" in query:
            assert values == ["mine"]
            self._found = [] if self.version is None else [(1,)]
        elif "max(version)" in query:
            self._found = [(self.version,)]
        elif "FROM pg_roles" in query:
            self._found = [(1,)] if values[0] in self.roles else []
        elif "CREATE TABLE IF NOT EXISTS" in query:
            self.version = 0
        elif ".migration VALUES" in query:
            (self.version,) = values
        return self

    def executemany(self, query: str, rows: list[Any]) -> None:
        assert self.within == 1
        self.many.append((query, rows))

    def fetchone(self) -> Any:
        return self._found[0] if self._found else None

    def fetchall(self) -> list[Any]:
        return self._found

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.within += 1
        yield
        self.within -= 1

    @contextmanager
    def cursor(self) -> Iterator[Server]:
        yield self

    def close(self) -> None:
        self.is_open = False

    @property
    def scripts(self) -> list[str]:
        return [query for query, _ in self.asked if "CREATE" in query or "GRANT" in query]


def test_a_context_closes_the_connection() -> None:
    server = Server()
    log = RunLog(server, ADDRESS)
    with log as one:
        assert one is log
        assert server.is_open
    assert not server.is_open


@pytest.mark.parametrize("may_select", [True, False])
def test_a_user_that_cannot_read_is_a_fork(may_select: bool) -> None:
    server = Server()
    server.rows = [(may_select,)]
    assert RunLog(server, ADDRESS).is_fork is not may_select
    assert server.asked == [("SELECT has_table_privilege(%s, 'SELECT')", ['"mine".run'])]


def test_entries_are_the_trusted_copies_by_number() -> None:
    server = Server()
    server.rows = [(1, "a", 99, *RANK), (2, "b", 7, *RANK)]
    assert RunLog(server, ADDRESS).entries() == [Entry(1, "a", RANK, 99), Entry(2, "b", RANK, 7)]
    ((query, _),) = server.asked
    assert query.startswith("SELECT number, run_uid, octet_length(content), trust = 'trusted', ")
    assert query.endswith(""" FROM "mine".run WHERE trust = 'trusted' ORDER BY number""")


def test_contents_are_those_of_the_numbers() -> None:
    server = Server()
    server.rows = [(4, b"four"), (2, b"two")]
    assert RunLog(server, ADDRESS).contents(iter([2, 4])) == {2: b"two", 4: b"four"}
    query = 'SELECT number, content FROM "mine".run WHERE number = ANY(%s)'
    assert server.asked == [(query, [[2, 4]])]


def test_copies_are_added_in_one_transaction_and_counted() -> None:
    server = Server()
    server.rowcount = 1
    runs = [("a", RANK, b"x"), ("b", (False, *RANK[1:]), b"y")]
    assert RunLog(server, ADDRESS).add(runs) == 1
    ((query, rows),) = server.many
    assert 'INSERT INTO "mine".run (run_uid, trust, complete, ' in query
    assert query.rstrip().endswith("ON CONFLICT DO NOTHING")
    assert rows == [("a", "trusted", *RANK[1:], b"x"), ("b", "fork", *RANK[1:], b"y")]
    assert server.within == 0


@pytest.mark.parametrize("version", [None, 0])
def test_a_missing_run_log_is_an_error_with_its_remedy(version: int | None) -> None:
    with pytest.raises(HistoryError) as caught:
        RunLog(Server(version), ADDRESS).require()
    assert caught.value.code == "NX533"
    assert caught.value.message == (
        "There is no run log at postgresql://host/runs (schema mine); `nexus history push --to`"
        " by an owner of the database begins one"
    )


def test_a_run_log_of_this_version_is_enough() -> None:
    server = Server(len(MIGRATIONS))
    log = RunLog(server, ADDRESS)
    log.require()
    log.prepare()
    assert server.scripts == []


def test_a_later_run_log_is_refused() -> None:
    server = Server(len(MIGRATIONS) + 1)
    with pytest.raises(HistoryError) as caught:
        version_of(server, ADDRESS)
    assert caught.value.code == "NX532"
    assert caught.value.message == (
        "The run log postgresql://host/runs (schema mine) is of version 3, this version of nexus"
        " knows 2; upgrade pytest-nexus-ci to use it"
    )
    query, values = server.asked[-1]
    assert (query, values) == ('SELECT coalesce(max(version), 0) FROM "mine".migration', None)


def test_a_new_run_log_gets_its_tables_and_the_missing_roles() -> None:
    server = Server(None, ("mine_reader",))
    RunLog(server, ADDRESS).prepare()
    assert (server.version, server.within) == (len(MIGRATIONS), 0)
    begin, runs, writer, fork, grants = server.scripts
    assert 'CREATE SCHEMA IF NOT EXISTS "mine";' in begin
    assert 'CREATE TABLE "mine".run (' in runs
    assert writer == 'CREATE ROLE "mine_writer" NOLOGIN'
    assert fork == 'CREATE ROLE "mine_fork" NOLOGIN'
    assert 'GRANT INSERT ON "mine".run TO "mine_writer", "mine_fork";' in grants
    queries = [query for query, _ in server.asked]
    assert queries.index("SELECT pg_advisory_xact_lock(hashtext('nexus run log'))") == 1
    inserted = [values for query, values in server.asked if ".migration VALUES" in query]
    assert inserted == [[1], [2]]
    assert queries[-1] == 'INSERT INTO "mine".migration VALUES (%s)'


def test_an_older_run_log_gets_what_is_missing() -> None:
    server = Server(1, ("mine_reader", "mine_writer", "mine_fork"))
    migrate(server, ADDRESS)
    (grants,) = server.scripts
    assert "GRANT USAGE ON SCHEMA" in grants
    assert server.version == 2


def test_another_job_may_migrate_while_this_one_waits_for_the_lock() -> None:
    class Overtaken(Server):
        def execute(self, query: str, values: Any = None) -> Server:
            if "pg_advisory_xact_lock" in query:
                self.version = len(MIGRATIONS)
            return super().execute(query, values)

    server = Overtaken(None)
    migrate(server, ADDRESS)
    assert server.scripts == []


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (psycopg.OperationalError("\n no route \nmore"), "NX535", ": no route;"),
        (psycopg.OperationalError("bad secret"), "NX535", ": bad ***;"),
        (psycopg.OperationalError(""), "NX535", ": OperationalError;"),
        (psycopg.ProgrammingError("of secret parts"), "NX535", UNCLEAR),
        (psycopg.errors.UndefinedTable("no table"), "NX535", ": no table;"),
        (psycopg.errors.InsufficientPrivilege("denied for secret"), "NX537", ": denied for ***;"),
    ],
)  # fmt: skip
def test_an_error_of_the_database_is_one_line_without_the_password(
    error: Exception, code: str, reason: str
) -> None:
    with pytest.raises(HistoryError) as caught, translated(ADDRESS):
        raise error
    assert caught.value.code == code
    assert reason in caught.value.message
    assert ADDRESS.shown in caught.value.message
    assert "secret" not in caught.value.message
    assert caught.value.__suppress_context__
    assert caught.value.__cause__ is None


def test_every_call_translates_its_errors() -> None:
    class Broken(Server):
        def execute(self, *_: object) -> Server:
            raise psycopg.OperationalError("cut off")

        executemany = execute

    log = RunLog(Broken(), ADDRESS)
    calls = [log.prepare, log.require, log.entries, lambda: log.is_fork, lambda: log.contents([1]),
             lambda: log.add([("a", RANK, b"x")])]  # fmt: skip
    for call in calls:
        with pytest.raises(HistoryError, match="cut off") as caught:
            call()
        assert ADDRESS.shown in caught.value.message


def test_a_connection_commits_each_statement_and_prepares_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[tuple[object, ...]] = []

    class Bounded:
        @staticmethod
        def connect(address: str, **more: object) -> Server:
            made.append((address, more))
            return Server(len(MIGRATIONS))

    def bounded(module: object, silent_s: float) -> type[Bounded]:
        made.append((module, silent_s))
        return Bounded

    monkeypatch.setattr(run_log, "bounded", bounded)
    open_run_log(ADDRESS).require()
    settings = {"autocommit": True, "prepare_threshold": None}
    assert made == [(psycopg, 60.0), (ADDRESS.libpq, settings)]


def test_a_server_that_cannot_be_reached_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def bounded(*_: object) -> object:
        raise psycopg.OperationalError("nobody listens")

    monkeypatch.setattr(run_log, "bounded", bounded)
    with pytest.raises(HistoryError, match="nobody listens"):
        open_run_log(ADDRESS)


def test_without_psycopg_the_remedy_is_to_install_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> object:
        raise ImportError(f"no {name}")

    monkeypatch.setattr(run_log, "import_module", missing)
    with pytest.raises(HistoryError) as caught:
        open_run_log(ADDRESS)
    assert caught.value.code == "NX534"
    assert caught.value.message == (
        "A run log needs psycopg (no psycopg); pip install 'pytest-nexus-ci[postgres]'"
    )
