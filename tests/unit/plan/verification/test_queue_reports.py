"""The proof over the journals of a shared queue: each kind of loss, each reason to run twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.plan.verification.groups import queue_groups
from pytest_nexus.plan.verification.queue_journals import QueueJournal, Rest
from pytest_nexus.plan.verification.queue_reports import verify_queue
from pytest_nexus.plan.verification.shard_reports import ShardJournal
from tests.support.builders import run

TESTS = ("a.py::x", "a.py::y", "b.py::z")


def job(
    name: str,
    *ran: str,
    ended: int | None = 0,
    collection: str = "same",
    queued: tuple[str, ...] = TESTS,
    of: str = "run 1",
    at: float = 1.0,
    **said: tuple[str, ...],
) -> QueueJournal:
    """A journal of a job: what it ran, and what it says of other tests."""
    attempts: dict[str, int] = {}
    for nodeid in ran:
        attempts[nodeid] = attempts.get(nodeid, 0) + 1
    return QueueJournal(
        f"{name}.jsonl", run(1, at, exit_status=ended), of, name, 0, collection,
        {"queued": queued, **said}, attempts,
    )  # fmt: skip


def shard(name: str, *ran: str, number: int = 2) -> ShardJournal:
    """A journal of a job that ran its shard."""
    counts = dict.fromkeys(ran, 1)
    return ShardJournal(name, run(1, exit_status=0), number, 4, "plan", "same", "7", (), counts)


def kinds(*journals: QueueJournal) -> list[Any]:
    return [problem.kind for problem in verify_queue(journals).problems]


def notes(*journals: QueueJournal) -> str:
    return "\n".join(note.sentence for note in verify_queue(journals).notes)


def test_each_test_with_a_result_is_proven():
    found = verify_queue([job("1", "a.py::x"), job("2", "a.py::y", "b.py::z")])
    assert found.is_proven
    assert (found.n_shards, found.n_collected, found.n_ran) == (2, 3, 3)
    assert found.sentence.startswith("2 jobs, 3 tests collected, each has a result")


def test_tests_that_stay_left_out_after_a_failure_are_counted_once():
    rest = Rest(7, "confidence:90%")
    first = replace(job("1", "a.py::x", ended=1, left=("c.py::w",)), rest=rest)
    second = replace(job("2", "a.py::y", "b.py::z"), rest=rest)
    assert "confidence" not in notes(first, second), "no test failed"
    failed = replace(first, has_failed=True)
    assert notes(failed, second) == (
        "a test failed, and 7 tests that confidence:90% leaves out ran in no job: a shared queue"
        " has no rest"
    )
    assert "ran in no job" not in notes(replace(failed, run=second.run), second), "in quarantine"
    assert "ran in no job" not in notes(replace(failed, rest=Rest(0, "")), job("2")), "nothing left"


def test_a_test_without_a_result_is_named():
    found = verify_queue([job("1", "a.py::x", "a.py::y")])
    (problem,) = found.problems
    assert (problem.kind, problem.nodeids) == ("not run", ("b.py::z",))
    assert not found.is_proven


def test_a_lost_test_is_lost_and_not_also_not_run():
    first = job("1", "a.py::x", "a.py::y", lost=("b.py::z",))
    assert kinds(first) == ["lost"]
    assert kinds(first, job("2", "b.py::z")) == []


def test_jobs_with_other_tests_prove_nothing():
    assert "collection differs" in kinds(job("1", *TESTS), job("2", collection="other"))


def test_a_test_that_the_queue_does_not_hold_is_named():
    assert kinds(job("1", *TESTS, "c.py::new")) == ["not collected"]


def test_tests_left_out_by_the_plan_are_counted():
    found = verify_queue([job("1", *TESTS, left=("d.py::a", "d.py::b"))])
    assert found.is_proven
    assert found.left == {"left out by the plan": 2}


@pytest.mark.parametrize(
    ("journals", "reason"),
    [
        ([job("1", *TESTS), job("2", "a.py::x", again=("a.py::x",))], "'2' was started again"),
        ([job("1", *TESTS), job("2", "a.py::x", refused=("a.py::x",))], "'2' was not heard of"),
        ([job("1", *TESTS), job("2", "a.py::x", ended=None)], "'2' was killed before"),
        ([job("1", *TESTS), job("2", "a.py::x")], "a job lost touch with the queue"),
    ],
)
def test_a_test_that_ran_twice_has_its_reason(journals, reason):
    assert verify_queue(journals).is_proven
    assert f"1 test ran more than once, because {reason}" in notes(*journals).replace("job '", "'")


def test_equal_ids_under_keep_duplicates_are_no_doubles():
    twice = ("a.py::x", "a.py::x")
    assert notes(job("1", *twice, queued=twice)) == ""
    assert kinds(job("1", "a.py::x", queued=twice)) == ["not run"]


def test_a_job_that_still_runs_was_not_killed():
    said = notes(job("1", "a.py::x"), replace(job("2", ended=None), is_running=True))
    assert said == "job '2' still runs"


def test_a_job_that_did_not_complete_is_noted():
    said = notes(job("1", *TESTS), job("2", ended=None), job("3", ended=3), job("4", ended=5))
    assert "job '2' was killed: 2.jsonl has no end" in said
    assert "job '3' ended early, with exit status 3" in said
    assert "'4'" not in said


def test_what_a_job_ran_without_the_queue_counts():
    first = job("1", "a.py::x")
    found = verify_queue([first], [shard("2.jsonl", "a.py::x", "a.py::y", "b.py::z")])
    assert found.is_proven
    assert found.sentence.startswith("2 jobs, 3 tests collected, each has a result")
    assert [note.sentence for note in found.notes] == [
        "1 test ran more than once, because the job of shard 2 ran without the queue: a.py::x",
        "the job of shard 2 of 4 ran without the queue",
    ]


def test_journals_are_grouped_by_queue_with_the_newest_first():
    old, new, late = job("1", of="old"), job("1", of="new", at=5.0), job("2", of="old", at=2.0)
    assert queue_groups([old, new, late]) == [("new", [new]), ("old", [old, late])]


@given(st.lists(st.lists(st.sampled_from(TESTS), max_size=4), min_size=1, max_size=4))
def test_a_proof_exists_if_and_only_if_every_test_ran_somewhere(ran):
    journals = [job(str(at), *each) for at, each in enumerate(ran)]
    assert verify_queue(journals).is_proven == ({one for each in ran for one in each} == set(TESTS))
