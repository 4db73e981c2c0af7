"""What each job of a shared queue did: its tests, its seconds, the leases that it lost."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from pytest_nexus.plan.verification.queue_journals import QueueJournal

ENDED: Final = frozenset({0, 1, 5})
"""pytest's exit statuses of a completed session: passed, failed, nothing to run."""


class JobWork(NamedTuple):
    """One job of a run, as its journal tells."""

    job: str
    """As the job is named; anybody may have chosen the name."""
    n_tests: int
    """Tests with an attempt in this job."""
    busy_s: float
    """Seconds of all attempts, in all workers together."""
    idle_s: float | None
    """Seconds without a test to run, from the start of the job to the end of the run. None in a
    journal that does not tell, as for the next two. Of a killed job: until it drew its last tests.
    """
    n_batches: int | None
    n_leases_lost: int | None
    """Tests that this job had drawn and did not finish in time: it was killed, or not heard of for
    the time of a lease. What a killed job had finished and not handed in is not among them."""
    n_late: int
    """Of these, the tests that this job finished too late."""
    end: str
    """How the job ended; empty if it completed."""


def job_work(journal: QueueJournal) -> JobWork:
    """Return what a job did."""
    draws = journal.draws
    return JobWork(
        journal.job,
        _count(journal, frozenset()),
        journal.busy_s,
        None if draws is None else draws.idle_s,
        None if draws is None else draws.n_batches,
        _leases_lost(journal),
        len(journal.tests.get("refused", ())),
        _end(journal),
    )


def _leases_lost(journal: QueueJournal) -> int | None:
    if journal.draws is None:
        return None
    n_refused = len(journal.tests.get("refused", ()))
    if not journal.is_killed:
        return n_refused
    n_ran = _count(journal, frozenset(journal.tests.get("again", ())))
    return max(journal.draws.n_tests - n_ran, 0) + n_refused


def _count(journal: QueueJournal, without: frozenset[str]) -> int:
    """Return the number of tests with an attempt; reruns of a test count once."""
    queued = Counter(journal.tests.get("queued", ()))
    return sum(
        min(attempts, max(queued[nodeid], 1))
        for nodeid, attempts in journal.ran.items()
        if nodeid not in without
    )


def _end(journal: QueueJournal) -> str:
    again = ", started again" if journal.retry else ""
    if journal.is_running:
        return f"still runs{again}"
    if journal.is_killed:
        return f"killed{again}"
    if journal.run.exit_status not in ENDED:
        return f"exit status {journal.run.exit_status}{again}"
    return again.removeprefix(", ")
