"""Faults between a job and its queue: the calls of one job, through a wire that breaks."""

from __future__ import annotations

import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.errors import QueueAwayError
from pytest_nexus.history.shared_queue.address import open_queue
from pytest_nexus.history.shared_queue.sql_queue import Job, SqlQueue
from pytest_nexus.plan.shared_queue.batches import aim_of
from pytest_nexus.plan.shared_queue.work import WorkUnit
from pytest_nexus.run.shared_queue.job_queue import JobQueue
from tests.process.test_shared_queue import WAITING, Jobs, wait_for
from tests.support.messages import assert_message
from tests.support.wire import wire_to

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_nexus.plan.shared_queue.work import Leased
    from tests.support.postgresql import Server
    from tests.support.wire import Wire

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
    assert time.monotonic() - began < 5 * ANSWER_S


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


@pytest.mark.parametrize(("fault", "more"), [("cut", ()), ("reset", ("-n2",))])
def test_session_whose_connection_breaks_goes_on(
    url: str, wire: Wire, tmp_path: Path, fault: str, more: tuple[str, ...]
) -> None:
    shared = Jobs(tmp_path / "project", wire.through(url), WAITING)
    with waiting(shared, "--nexus-queue-lease=60", *more) as process:
        getattr(wire, fault)()
        said = ended(shared, process)

    assert process.returncode == 0, said
    assert said.count("NX274") <= 1
    assert "NX275" not in said
    assert len(shared.ran()) == 6
    done = shared.project.nexus("verify")
    assert done.stdout == "1 job, 6 tests collected, each has a result\n"


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
