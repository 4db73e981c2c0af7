"""What the jobs of a shared queue did: each column of the table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_nexus.plan.verification.queue_jobs import JobWork, job_work
from pytest_nexus.plan.verification.queue_journals import Draws, QueueJournal
from tests.support.builders import run

TESTS = ("a.py::x", "a.py::y", "b.py::z")


def journal(*ran: str, ended: int | None = 0, **said: tuple[str, ...]) -> QueueJournal:
    """A journal of a job that drew all tests."""
    counts = {nodeid: ran.count(nodeid) for nodeid in ran}
    return QueueJournal(
        "1.jsonl", run(1, exit_status=ended), "queue", "one", 0, "same",
        {"queued": TESTS, **said}, counts, busy_s=2.5, draws=Draws(2, 3, 0.5),
    )  # fmt: skip


def test_a_job_that_completed():
    assert job_work(journal(*TESTS)) == JobWork("one", 3, 2.5, 0.5, 2, 0, 0, "")


def test_reruns_are_no_further_tests_and_equal_ids_are():
    assert job_work(journal("a.py::x", "a.py::x")).n_tests == 1
    assert job_work(journal("a.py::x", "a.py::x", queued=("a.py::x",) * 2)).n_tests == 2


def test_a_killed_job_loses_what_it_had_drawn_and_not_run():
    killed = job_work(journal("a.py::x", ended=None))
    assert (killed.n_tests, killed.n_leases_lost, killed.end) == (1, 2, "killed")


def test_what_a_killed_job_repeated_is_not_of_its_draws():
    killed = job_work(journal("c.py::before", "a.py::x", ended=None, again=("c.py::before",)))
    assert (killed.n_tests, killed.n_leases_lost) == (2, 2)


def test_a_job_that_was_too_late_lost_these_leases():
    late = job_work(journal(*TESTS, refused=("a.py::x",)))
    assert (late.n_leases_lost, late.n_late) == (1, 1)


def test_an_old_journal_tells_less():
    old = job_work(replace(journal(*TESTS), draws=None))
    assert (old.idle_s, old.n_batches, old.n_leases_lost, old.n_tests) == (None, None, None, 3)


@pytest.mark.parametrize(
    ("ended", "is_running", "retry", "said"),
    [
        (1, False, 0, ""),
        (0, False, 1, "started again"),
        (None, False, 1, "killed, started again"),
        (None, True, 0, "still runs"),
        (2, False, 0, "exit status 2"),
    ],
)
def test_the_end_of_a_job(ended: int | None, is_running: bool, retry: int, said: str) -> None:
    one = replace(journal(ended=ended), is_running=is_running, retry=retry)
    assert job_work(one).end == said


def test_draws_add_up_and_the_end_is_no_batch():
    draws = Draws().plus(3, 0.25).plus(1, 0.5).plus(0, 2.0)
    assert draws == Draws(2, 4, 2.0)
