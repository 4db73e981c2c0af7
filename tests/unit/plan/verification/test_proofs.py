"""Which journals are of one run, where shards and shared queues meet."""

from __future__ import annotations

from pytest_nexus.domain.records import CIRun
from pytest_nexus.plan.verification.proofs import proofs
from pytest_nexus.plan.verification.queue_journals import QueueJournal
from pytest_nexus.plan.verification.shard_reports import ShardJournal
from tests.support.builders import run


def in_queue(name: str, *ran: str, queue: str = "q", at: float = 1.0, ci: str = "7"):
    made = run(1, at, exit_status=0)._replace(ci=CIRun("github", ci) if ci else None)
    said = {"queued": ("a.py::x", "a.py::y")}
    return QueueJournal(name, made, queue, name, 0, "same", said, dict.fromkeys(ran, 1))


def shard(name: str, *ran: str, at: float = 1.0, ci: str = "7", number: int = 2):
    made = run(1, at, exit_status=0)._replace(ci=CIRun("github", ci) if ci else None)
    counts = dict.fromkeys(ran, 1)
    return ShardJournal(name, made, number, 2, "plan", "same", ci or None, (), counts)


def test_a_job_that_ran_its_shard_belongs_to_the_queue_of_its_run():
    (found,) = proofs([shard("2", "a.py::y")], [in_queue("1", "a.py::x")])
    assert (found.run, found.variant, found.found.is_proven) == ("q", "shared queue", True)


def test_shards_of_another_run_prove_themselves():
    given = [shard("2", at=5.0, ci="8")], [in_queue("1", "a.py::x", "a.py::y")]
    assert [one.run for one in proofs(*given)] == ["8"]
    assert [one.run for one in proofs(*given, "7")] == ["q"]
    assert [one.run for one in proofs(*given, "q")] == ["q"]
    assert proofs(*given, "9") == []


def test_the_newest_run_has_all_its_queues():
    queued = [in_queue("1", queue="3.12"), in_queue("2", queue="3.13", at=2.0)]
    assert [one.run for one in proofs([], queued)] == ["3.13", "3.12"]


def test_queues_outside_a_ci_are_runs_of_their_own():
    queued = [in_queue("1", queue="old", ci=""), in_queue("2", queue="new", ci="", at=2.0)]
    assert [one.run for one in proofs([shard("3", ci="")], queued)] == ["new"]
    assert proofs([], []) == []
