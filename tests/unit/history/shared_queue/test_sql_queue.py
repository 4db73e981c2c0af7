"""Single calls of a queue in a file of SQLite."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.history.shared_queue.address import open_queue
from pytest_nexus.history.shared_queue.sql_queue import Job
from pytest_nexus.plan.shared_queue.batches import aim_of
from pytest_nexus.plan.shared_queue.work import Aim, WorkUnit

if TYPE_CHECKING:
    from pathlib import Path

UNITS = [WorkUnit((n,), 1.0) for n in range(8)]
AGE = "update nexus_queue_runs set created_at = 0"
LEFT = "select * from nexus_queue_units join nexus_queue_runs using (run) where run <> 'new'"
ADDRESS = "sqlite:///q.db"


@pytest.mark.parametrize("n_known", [0, 1, 2])
def test_heartbeat_prolongs_the_leases_that_the_job_names(tmp_path: Path, n_known: int) -> None:
    job = Job("run", "1", "1")
    with (
        closing(open_queue(ADDRESS, tmp_path, job, lease_s=-1.0)) as queue,
        closing(open_queue(ADDRESS, tmp_path, job, lease_s=60.0)) as longer,
    ):
        queue.load(UNITS, "digest")
        leased = queue.claim(Aim(2.0, 2, 9.0))

        longer.heartbeat(leased[:n_known])

        assert queue.state().n_leased == n_known


def test_old_runs_are_forgotten_a_few_at_a_time(tmp_path: Path) -> None:
    for number in range(5):
        with closing(open_queue(ADDRESS, tmp_path, Job(f"old {number}", "1", "1"))) as old:
            old.load(UNITS, "digest")
    with closing(open_queue(ADDRESS, tmp_path, Job("new", "1", "1"))) as queue:
        queue._database.transact(lambda cursor: cursor.execute(AGE))

        queue.load(UNITS, "digest")

        left = queue._database.transact(lambda cursor: cursor.execute(LEFT).fetchall())
        assert len(left) == 2 * len(UNITS)


@pytest.mark.parametrize(("n_expected", "n_claimed"), [(1, 2), (4, 1), (8, 1)])
def test_first_job_leaves_work_to_those_that_are_expected(
    tmp_path: Path, n_expected: int, n_claimed: int
) -> None:
    job = Job("run", "1", "1", 1, n_expected)
    with closing(open_queue(ADDRESS, tmp_path, job)) as queue:
        queue.join()
        queue.load(UNITS, "digest")
        state = queue.state()

        assert state.n_workers == n_expected
        assert len(queue.claim(aim_of(state))) == n_claimed


def test_jobs_beyond_those_that_are_expected_count_too(tmp_path: Path) -> None:
    with closing(open_queue(ADDRESS, tmp_path, Job("run", "1", "1", 3, 2))) as queue:
        queue.join()

        assert queue.state().n_workers == 3
