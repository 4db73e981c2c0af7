"""Faults between a job and its queue: the calls of one job, through a wire that breaks."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from pytest_nexus.errors import QueueAwayError
from pytest_nexus.history.shared_queue.address import open_queue
from pytest_nexus.history.shared_queue.sql_queue import Job, SqlQueue
from pytest_nexus.plan.shared_queue.batches import aim_of
from pytest_nexus.plan.shared_queue.work import WorkUnit
from pytest_nexus.run.shared_queue.job_queue import JobQueue
from tests.process.test_shared_queue import WAITING, Jobs, wait_for
from tests.support.messages import assert_message
from tests.support.queue_crowd import N_UNITS, RUN
from tests.support.wire import wire_to

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_nexus.plan.shared_queue.work import Leased
    from tests.support.postgresql import Server
    from tests.support.wire import Wire

psycopg = pytest.importorskip("psycopg", reason="the extra postgres is not installed")

pytestmark = pytest.mark.usefixtures("forked_sessions")

UNITS = [WorkUnit((n,), 1.0) for n in range(8)]
ANSWER_S = 1.0
MOST_S = 45.0
"""Far more than a session takes, even on a busy machine, and far less than for ever."""


@pytest.fixture
def url(postgresql: Server) -> str:
    return postgresql.new_database()


@pytest.fixture
def wire(url: str) -> Iterator[Wire]:
    with wire_to(url) as made:
        yield made


def joined(address: str, name: str, lease_s: float = 1.0) -> SqlQueue:
    source = open_queue(address, Path.cwd(), Job("run", name, name), lease_s, ANSWER_S)
    source.join()
    return source


class Worker:
    """A job that runs its units at once."""

    def __init__(self, address: str, name: str, patience_s: float = 5.0) -> None:
        self.said: list[str] = []
        self.source = joined(address, name)
        self.queue = JobQueue(self.source, self.said.append, patience_s, beat_s=0.2)
        assert self.queue.open(lambda: UNITS, "digest", 0)

    def run(self) -> set[int]:
        done: set[int] = set()
        while units := self.queue.claim() or self.queue.wait(lambda: True):
            done |= self.finish(units)
        return done

    def finish(self, units: list[Leased]) -> set[int]:
        for unit in units:
            self.queue.finished(unit)
        return {unit.number for unit in units}


CALLS = {
    "claim": lambda source: source.claim(aim_of(source.state())),
    "heartbeat": lambda source: source.heartbeat([]),
    "load": lambda source: source.load(UNITS, "digest"),
    "join": lambda source: source.join(),
}


@pytest.mark.parametrize("call", CALLS)
def test_call_that_is_never_answered_ends_within_its_bound(url: str, wire: Wire, call: str) -> None:
    source = joined(wire.through(url), "1")
    wire.is_hole = True
    began = time.monotonic()

    with pytest.raises(QueueAwayError, match="no answer for 1 s"):
        CALLS[call](source)

    source.close()
    assert time.monotonic() - began < MOST_S


LEASE = b"set state = 'leased', job"


def test_claim_whose_answer_is_lost_is_run_all_the_same(url: str, wire: Wire) -> None:
    only = Worker(wire.through(url), "1")
    wire.cut_after(LEASE, b"commit")

    done = only.run()
    lost = only.queue.close()

    assert (len(done), lost) == (8, [])
    assert len(only.said) == 1
    assert "NX274" in only.said[0]


def test_lease_that_its_job_does_not_know_goes_to_another_job(url: str, wire: Wire) -> None:
    deaf, other = Worker(wire.through(url), "1"), Worker(url, "2")
    wire.cut_after(LEASE, b"commit")
    assert deaf.queue.claim() == []  # the job lives on, and prolongs the leases that it knows

    done = other.run()

    assert len(done) == 8
    assert other.said == []
    deaf.queue.close()
    other.queue.close()


def test_job_that_is_cut_off_within_a_claim_holds_no_row(url: str, wire: Wire) -> None:
    cut_off, other = Worker(wire.through(url), "1", patience_s=1.0), Worker(url, "2")
    wire.vanish_after(LEASE)
    assert cut_off.queue.claim() == []

    done = other.run()

    assert len(done) == 8
    assert other.said == []
    other.queue.close()
    wire.is_hole = False
    wire.cut()
    cut_off.queue.close()


@pytest.mark.parametrize("fault", ["cut", "reset", "half_close"])
def test_units_in_hand_outlive_their_connection(url: str, wire: Wire, fault: str) -> None:
    job = Worker(wire.through(url), "1")
    wire.delay_s = 0.002
    before = job.finish(job.queue.claim())
    getattr(wire, fault)()

    done = before | job.run()
    lost = job.queue.close()

    assert (len(done), lost, job.queue.refused) == (8, [], [])
    assert len(job.said) <= 1  # the heartbeat may have met the fault, or a claim


def test_server_without_a_free_connection_is_away_until_it_has_one(url: str) -> None:
    user = f"limited_{time.monotonic_ns()}"
    with psycopg.connect(url, autocommit=True) as owner, wire_to(url) as wire:
        owner.execute(f"create role {user} login password 'x' connection limit 1")
        owner.execute(f"grant all on schema public to {user}")
        parts = urlsplit(url)
        own = parts._replace(netloc=f"{user}:x@127.0.0.1:{parts.port}").geturl()
        job = Worker(wire.through(own), "1")
        before = job.finish(job.queue.claim())
        wire.cut()
        while connections(owner, user):
            time.sleep(0.02)
        with psycopg.connect(own):
            assert job.queue.claim() == []
            with pytest.raises(QueueAwayError, match="too many connections"):
                joined(own, "2")

        done = before | job.run()
        lost = job.queue.close()

    assert (len(done), lost) == (8, [])
    assert len(job.said) == 1
    assert "NX274" in job.said[0]


def connections(owner: psycopg.Connection, user: str) -> int:
    query = "select count(*) from pg_stat_activity where usename = %s"
    return owner.execute(query, [user]).fetchone()[0]


@pytest.mark.posix("no limits of the system")
def test_full_disk_keeps_results_until_there_is_room(tmp_path: Path) -> None:
    import resource  # noqa: PLC0415 - not on Windows

    job = Worker(f"sqlite:///{tmp_path}/q.db", "1")
    before = job.finish(job.queue.claim())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "q.db-wal").stat().st_size, hard))
    try:
        assert job.queue.claim() == []
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    done = before | job.run()
    lost = job.queue.close()

    assert (len(done), lost, job.queue.refused) == (8, [], [])
    assert len(job.said) == 1
    assert "NX274" in job.said[0]


@pytest.mark.posix("forks its jobs")
def test_killed_tenth_of_the_jobs_costs_no_unit(url: str) -> None:
    command = [sys.executable, "-m", "tests.support.queue_crowd", url, "20", "2"]

    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)

    assert json.loads(done.stdout) == []
    with closing(open_queue(url, Path.cwd(), Job(RUN, "last", "last"))) as queue:
        state = queue.state()
        assert (state.n_done, state.n_lost, state.n_open) == (N_UNITS, 0, 0)


def test_session_with_workers_whose_connection_breaks_goes_on(
    url: str, wire: Wire, tmp_path: Path
) -> None:
    shared = Jobs(tmp_path / "project", wire.through(url), WAITING)
    with waiting(shared, "--nexus-queue-lease=60", "-n2") as process:
        wire.reset()
        said = ended(shared, process)

    assert process.returncode == 0, said
    assert said.count("NX274") <= 1
    assert "NX275" not in said
    assert len(shared.ran()) == 6
    done = shared.project.nexus("verify")
    assert done.returncode == 0
    assert done.stdout.startswith("1 job, 6 tests collected, each has a result\n")


@pytest.mark.parametrize("more", [(), ("-n2",)], ids=["alone", "with workers"])
def test_session_in_front_of_a_hole_ends_when_its_patience_does(
    url: str, wire: Wire, tmp_path: Path, more: tuple[str, ...]
) -> None:
    shared = Jobs(tmp_path / "project", wire.through(url), WAITING)
    with waiting(shared, "--nexus-queue-patience=1", *more) as process:
        wire.is_hole = True
        began = time.monotonic()
        said = ended(shared, process)
        spent_s = time.monotonic() - began
    shared.address = url
    rest = shared.project.run(*shared.arguments("2"))

    assert process.returncode == rest.exit_status == 0
    assert (said.count("NX274"), said.count("NX276")) == (1, 1), said
    assert spent_s < MOST_S
    assert len(shared.ran()) == 6
    assert shared.project.nexus("verify").returncode == 0


def test_session_that_is_cut_off_as_it_opens_its_queue_tries_again(
    url: str, wire: Wire, tmp_path: Path
) -> None:
    shared = Jobs(tmp_path / "project", wire.through(url), WAITING)
    shared.project.run(*shared.arguments("0"))
    wire.cut_after(b"select tests from", b"commit")

    late = shared.project.run(*shared.arguments("1"))

    assert (late.exit_status, late.order) == (0, [])
    assert not any("NX277" in line for line in late.said)


@pytest.mark.parametrize("more", [(), ("-n2",)], ids=["alone", "with workers"])
def test_session_that_runs_no_test_because_its_queue_goes_away_is_no_success(
    url: str, wire: Wire, tmp_path: Path, more: tuple[str, ...]
) -> None:
    shared = Jobs(tmp_path / "project", wire.through(url), WAITING)
    wire.vanish_after(b"case when n_expired")  # the first look after the queue is open

    result = shared.project.run(*shared.arguments("1", "--nexus-queue-patience=1", *more))

    assert result.order == []
    assert_message(result.said, "NX276", "0 units")
    assert result.exit_status == pytest.ExitCode.NO_TESTS_COLLECTED


def test_session_that_begins_in_front_of_a_hole_runs_its_shard(
    url: str, wire: Wire, tmp_path: Path
) -> None:
    shared = Jobs(tmp_path / "project", wire.through(url), WAITING)
    wire.is_hole = True
    began = time.monotonic()

    cold = shared.project.run(
        *shared.arguments("1", "--nexus-shard=1/2", "--nexus-queue-patience=1")
    )

    assert time.monotonic() - began < MOST_S
    assert cold.exit_status == 0
    assert 0 < len(cold.order) < 6
    assert_message(cold.said, "NX283", "timeout expired")
    assert len(cold.said) == 3  # with the shard, and the journal


@contextmanager
def waiting(shared: Jobs, *more: str) -> Iterator[subprocess.Popen[str]]:
    """Yield a session with a test that waits for `ended`."""
    process = subprocess.Popen(
        shared.project.command(*shared.arguments("1", *more)),
        cwd=shared.project.root,
        env=shared.project.environment(WAITS="1"),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(shared.project.root / "waits")
        yield process
    finally:
        process.kill()


def ended(shared: Jobs, process: subprocess.Popen[str]) -> str:
    """Let a session go on to its end, and return its output."""
    (shared.project.root / "go").touch()
    return process.communicate(timeout=60)[0]
