"""Runs that several machines share through a real PostgreSQL."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import pytest

from pytest_nexus.cli.main import main
from pytest_nexus.errors import HistoryError
from pytest_nexus.history.exchange.merge import candidate_of
from pytest_nexus.history.postgres.run_log import RunLog, open_run_log
from pytest_nexus.history.postgres.run_log_address import run_log_address
from pytest_nexus.history.postgres.share_runs import pull, push
from pytest_nexus.history.store import History, open_history
from tests.support.builders import attempt, run
from tests.support.postgresql import make_certificate
from tests.support.wire import wire_to

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_nexus.history.exchange.merge import Candidate
    from tests.support.postgresql import Server

    Transfer = Callable[[History, RunLog], object]

psycopg = pytest.importorskip("psycopg", reason="the extra postgres is not installed")


def made(uid: int, n: int = 2, **fields: object) -> Candidate:
    fields = {"complete": True} | fields
    attempts = [attempt(f"t.py::test_{at}", "failed" if at == uid else "passed") for at in range(n)]
    return candidate_of(run(uid, 1e9 + uid, **fields), attempts)  # type: ignore[arg-type] # fields by name


def begun(path: Path, *runs: Candidate) -> History:
    history = open_history(path)
    history.add(runs)
    return history


def opened(url: str) -> RunLog:
    log = open_run_log(run_log_address(url))
    log.prepare()
    return log


def content(history: History) -> object:
    """All that a pull brings, and all that is derived from that."""
    runs = sorted(repr((one.run, sorted(map(repr, one.attempts)))) for one in history.candidates())
    return runs, sorted(history.ranks().items()), sorted(map(repr, history.stats().values()))


@pytest.fixture
def url(postgresql: Server) -> str:
    return postgresql.new_database()


@pytest.fixture
def log(url: str) -> Iterator[RunLog]:
    with opened(url) as one:
        yield one


def test_any_order_of_pushes_gives_the_same_history(postgresql: Server, tmp_path: Path) -> None:
    sets = (
        [made(1), made(2), made(3, 1, complete=False)],
        [made(3, 3), made(4)],  # a better copy of 3
        [made(3, 2), made(1)],  # one in between
    )
    url = postgresql.new_database()
    found = []
    for number, order in enumerate(itertools.permutations(sets)):
        place = f"{url}?schema=p{number}"
        with opened(place) as log:
            for at, runs in enumerate(order):
                with begun(tmp_path / f"{number}-{at}.sqlite3", *runs) as history:
                    push(history, log)
                    pull(history, log)
                    assert push(history, log).runs == 0
            with open_history(tmp_path / f"{number}.sqlite3") as reader:
                assert pull(reader, log).runs == 4
                assert pull(reader, log).runs == 0
                found.append(content(reader))
    with begun(tmp_path / "merged.sqlite3", *itertools.chain(*sets)) as merged:
        assert all(one == content(merged) for one in found)


def test_pruned_runs_do_not_come_back(log: RunLog, tmp_path: Path) -> None:
    with begun(tmp_path / "a.sqlite3", made(1), made(2), made(3)) as history:
        push(history, log)
        history.prune(keep_runs=1)
        assert pull(history, log).runs == 0
        assert history.count_runs() == 1


def test_jobs_that_push_at_once_lose_nothing(url: str, tmp_path: Path) -> None:
    """No run log is there before: all of them try to make it."""
    jobs = []
    for job in range(8):
        path = tmp_path / f"{job}.sqlite3"
        begun(path, made(100), *(made(job * 5 + one) for one in range(1, 6))).close()
        words = [sys.executable, "-m", "pytest_nexus", "history", "push", "--history", str(path)]
        jobs.append(
            subprocess.Popen([*words, "--to", url], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        )
    for job in jobs:
        out, err = job.communicate(timeout=120)
        assert job.returncode == 0, (out, err)
    with opened(url) as log, open_history(tmp_path / "all.sqlite3") as history:
        assert pull(history, log).runs == 41
        assert history.check() == []


def test_a_server_that_dies_in_the_middle(
    postgresql: Server, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_nexus.history.postgres.share_runs._BATCH_RUNS", 2)
    stopped = []

    def stop(done: int, total: int) -> None:
        if done == 4 and total == 7:
            postgresql.stop()
            stopped.append(done)

    with begun(tmp_path / "a.sqlite3", *map(made, range(1, 8))) as history:
        try:
            with opened(url) as log, pytest.raises(HistoryError) as error:
                push(history, log, stop)
        finally:
            postgresql.start()
        assert stopped == [4]
        assert error.value.code == "NX535"
        assert postgresql.password not in str(error.value)
        with opened(url) as log:
            assert push(history, log).runs == 3
            with open_history(tmp_path / "b.sqlite3") as other:
                assert pull(other, log).runs == 7
                assert content(other) == content(history)


def member(postgresql: Server, url: str, schema: str, kind: str) -> str:
    """Return the address of a user who has one role of a run log and nothing else."""
    user = f"{kind}_{random.randrange(10**9)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            f"create role {user} login password 'pw of {user}' in role {schema}_{kind}"
        )
    parts = urlsplit(url)
    password = quote(f"pw of {user}")
    place = f"{user}:{password}@127.0.0.1:{postgresql.port}"
    return parts._replace(netloc=place).geturl() + f"?schema={schema}"


def test_roles(postgresql: Server, url: str, tmp_path: Path) -> None:
    with opened(f"{url}?schema=shop") as log, begun(tmp_path / "a.sqlite3", made(1)) as history:
        push(history, log)
    writer, reader, fork = (
        member(postgresql, url, "shop", kind) for kind in ("writer", "reader", "fork")
    )
    with opened(writer) as log, begun(tmp_path / "b.sqlite3", made(2)) as history:
        assert push(history, log).runs == 1
        assert pull(history, log).runs == 1
    with opened(reader) as log, begun(tmp_path / "c.sqlite3", made(3)) as history:
        assert pull(history, log).runs == 2
        with pytest.raises(HistoryError, match="NX537"):
            push(history, log)
    with opened(fork) as log, begun(tmp_path / "d.sqlite3", made(1, 9), made(4)) as history:
        pushed = push(history, log)
        assert (pushed.runs, pushed.as_fork) == (2, True)
        assert push(history, log).runs == 0
        with pytest.raises(HistoryError, match="NX537"):
            pull(history, log)
        with pytest.raises(HistoryError, match="NX537"):
            log.add([(f"{7:032x}", made(7).rank, b"marked as trusted")])
    with opened(reader) as log, open_history(tmp_path / "e.sqlite3") as history:
        assert pull(history, log).runs == 2  # of run 1 the copy of the writer, and no run 4
        assert [one.n_attempts for one in history.runs()] == [2, 2]


def test_a_server_that_dies_in_the_middle_of_a_pull(
    postgresql: Server, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_nexus.history.postgres.share_runs._BATCH_RUNS", 2)
    with begun(tmp_path / "a.sqlite3", *map(made, range(1, 8))) as history:
        with opened(url) as log:
            push(history, log)
        with open_history(tmp_path / "b.sqlite3") as other:
            try:
                with opened(url) as log, pytest.raises(HistoryError, match="NX535"):
                    pull(other, log, lambda done, _: postgresql.stop() if done == 2 else None)
            finally:
                postgresql.start()
            assert other.count_runs() == 2
            with opened(url) as log:
                assert pull(other, log).runs == 5
            assert content(other) == content(history)


@pytest.mark.parametrize("transfer", [push, pull])
def test_a_server_that_never_answers_is_one_error(
    url: str, log: RunLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, transfer: Transfer
) -> None:
    monkeypatch.setattr("pytest_nexus.history.postgres.run_log._SILENT_S", 0.5)
    assert log.entries() == []
    with (
        wire_to(url) as wire,
        begun(tmp_path / "a.sqlite3", made(1)) as history,
        open_run_log(run_log_address(wire.through(url))) as far,
    ):
        wire.is_hole = True
        with pytest.raises(HistoryError, match=r"no answer for 0\.5 s.*NX535"):
            transfer(history, far)


def test_a_full_disk_of_the_server_loses_nothing(url: str, log: RunLog, tmp_path: Path) -> None:
    with (
        begun(tmp_path / "a.sqlite3", made(1), made(2)) as history,
        psycopg.connect(url, autocommit=True) as owner,
    ):
        owner.execute(FULL)
        with pytest.raises(HistoryError, match=r"No space left on device.*\[NX535\]") as error:
            push(history, log)
        assert "call the command again" in str(error.value)
        owner.execute("drop trigger full_disk on nexus.run")
        assert push(history, log).runs == 2


FULL = """
    create function nexus.full_disk() returns trigger language plpgsql as $$ begin
        raise exception 'could not extend file: No space left on device' using errcode = '53100';
    end $$;
    create trigger full_disk before insert on nexus.run
        for each row execute function nexus.full_disk()
"""
"""The server says what it says when its disk is full."""


@pytest.mark.parametrize("uid", ["'); drop table nexus.run; --", "%s", '"', "x" * 32, ""])
def test_an_id_is_no_sql(log: RunLog, url: str, uid: str) -> None:
    with pytest.raises(HistoryError, match="NX535"):
        log.add([(uid, made(1).rank, b"")])
    with psycopg.connect(url) as connection:
        assert connection.execute("select count(*) from nexus.run").fetchone() == (0,)


def test_options_of_tls_reach_libpq(postgresql: Server, url: str, tmp_path: Path) -> None:
    strict = f"{url}?sslmode=verify-full&sslrootcert="
    with postgresql.tls() as trusted:
        with opened(f"{strict}{quote(str(trusted))}") as log:
            query = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"
            assert log._connection.execute(query).fetchone() == (True,)
        other = tmp_path / "other.pem"
        make_certificate(other, tmp_path / "other.key")
        with pytest.raises(HistoryError, match="certificate verify failed") as error:
            opened(f"{strict}{quote(str(other))}")
    assert error.value.code == "NX535"
    assert postgresql.password not in str(error.value)


@pytest.mark.parametrize("kind", ["writer", "reader"])
@pytest.mark.parametrize(
    "statement",
    ["delete from shop.run", "update shop.run set trust = 'fork'", "truncate shop.run",
     "insert into shop.migration values (9)"],
)  # fmt: skip
def test_nobody_changes_a_run(postgresql: Server, url: str, kind: str, statement: str) -> None:
    opened(f"{url}?schema=shop").__exit__()
    user = member(postgresql, url, "shop", kind).partition("?")[0]
    with (
        closing(psycopg.connect(user, autocommit=True)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


INSERT_FOR_ANOTHER = """
    insert into shop.run (run_uid, trust, complete, n_attempts, digest, has_uses, has_quality,
        has_selection, content, added_by)
    values (repeat('a', 32), 'fork', true, 1, '', false, false, false, '', 'somebody else')
"""


@pytest.mark.parametrize(
    "statement",
    [
        "select * from shop.run", "delete from shop.run", "update shop.run set trust = 'trusted'",
        "truncate shop.run", "insert into shop.migration values (9)", "drop table shop.run",
        INSERT_FOR_ANOTHER,
    ],
)  # fmt: skip
def test_what_a_fork_cannot_do(postgresql: Server, url: str, statement: str) -> None:
    opened(f"{url}?schema=shop").__exit__()
    fork = member(postgresql, url, "shop", "fork").partition("?")[0]
    with (
        closing(psycopg.connect(fork, autocommit=True)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


def test_packets_of_something_else_are_left_out(
    log: RunLog, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with begun(tmp_path / "a.sqlite3", made(1)) as history:
        push(history, log)
        with psycopg.connect(url) as connection:
            (whole,) = connection.execute("select content from nexus.run").fetchone()
        for uid, packet in ((2, whole), (3, b"nothing of ours"), (4, whole[:-9])):
            log.add([(f"{uid:032x}", made(uid).rank, packet)])
    path = tmp_path / "b.sqlite3"
    assert main(["history", "pull", "--from", url, "--history", str(path)]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "1 run added"
    assert [line.partition(":")[2].partition(": incorrect")[0] for line in said[1:]] == [
        f" run {2:032x}: its packet holds another run",
        f" run {3:032x}: A packet is damaged: Error -3 while decompressing data",
        f" run {4:032x}: A packet is damaged: it is cut or too large",
    ]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"password": "wrong of x"}, "NX535"),
        ({"port": "1"}, "NX535"),
        ({"database": "nowhere"}, "NX535"),
        ({"query": "?sslmode=verify-full&sslrootcert=nowhere.pem"}, "NX535"),
        ({"query": "?sslmode=require"}, "NX535"),  # the server of the tests has no TLS
        ({"query": "?unknown=s3cret-of-the-tests"}, "NX535"),
        ({"query": "?schema=x;drop"}, "NX531"),
    ],
)
def test_errors_are_one_line_without_the_password(
    postgresql: Server, tmp_path: Path, change: dict[str, str], code: str, capsys
) -> None:
    password = change.get("password", postgresql.password)
    port, database = change.get("port", postgresql.port), change.get("database", "postgres")
    url = f"postgresql://owner:{quote(password)}@127.0.0.1:{port}/{database}"
    history = str(tmp_path / "a.sqlite3")
    assert main(["history", "pull", "--history", history, "--from", url + change.get("query", "")])
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert f"[{code}]" in said.err
    assert password not in said.err
    assert quote(password) not in said.err


def test_a_pull_needs_a_run_log(url: str, tmp_path: Path, capsys) -> None:
    assert main(["history", "pull", "--history", str(tmp_path / "a"), "--from", url]) == 1
    assert "[NX533]" in capsys.readouterr().err


def test_a_later_version_is_refused(log: RunLog, url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("insert into nexus.migration values (99)")
    with pytest.raises(HistoryError, match="NX532"):
        log.require()
