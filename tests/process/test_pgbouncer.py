"""A queue and a run log behind PgBouncer, which gives each transaction another connection."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.history.exchange.merge import candidate_of
from pytest_nexus.history.postgres.run_log import open_run_log
from pytest_nexus.history.postgres.run_log_address import run_log_address
from pytest_nexus.history.postgres.share_runs import pull, push
from pytest_nexus.history.shared_queue.address import open_queue
from pytest_nexus.history.shared_queue.sql_queue import Job
from pytest_nexus.history.store import open_history
from pytest_nexus.plan.shared_queue.work import WorkUnit
from pytest_nexus.run.shared_queue.job_queue import JobQueue
from tests.support.builders import attempt, run
from tests.support.pgbouncer import missing, pooled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.postgresql import Server

UNITS = [WorkUnit((n,), 0.01) for n in range(60)]


@pytest.fixture
def address(postgresql: Server) -> Iterator[str]:
    """Yield an address behind a pooler; without one the test is skipped, and fails in CI."""
    lacking = missing()
    if lacking:
        pytest.skip(lacking)
    with pooled(postgresql.new_database()) as pool:
        yield pool


def test_jobs_behind_a_pooler_run_each_unit_once(address: str) -> None:
    """There are more jobs than connections to the server."""
    said: list[str] = []
    done: list[int] = []

    def work(name: str) -> None:
        with closing(open_queue(address, Path.cwd(), Job("run", name, name))) as source:
            source.join()
            queue = JobQueue(source, said.append, patience_s=20.0, beat_s=0.05)
            assert queue.open(lambda: UNITS, "digest", 0)
            while units := queue.claim() or queue.wait(lambda: True):
                for unit in units:
                    done.append(unit.number)
                    queue.finished(unit)
            assert queue.close() == []

    jobs = [Thread(target=work, args=(str(n),)) for n in range(6)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(60)

    assert said == []
    assert sorted(done) == list(range(len(UNITS)))


def test_run_log_behind_a_pooler(address: str, tmp_path: Path) -> None:
    runs = [candidate_of(run(n, 1e9 + n, complete=True), [attempt("t.py::a")]) for n in (1, 2)]
    with (
        open_history(tmp_path / "a.sqlite3") as here,
        open_history(tmp_path / "b.sqlite3") as there,
        open_run_log(run_log_address(address)) as log,
    ):
        here.add(runs)
        log.prepare()

        assert push(here, log).runs == 2
        assert pull(there, log).runs == 2
        assert there.count_runs() == 2
