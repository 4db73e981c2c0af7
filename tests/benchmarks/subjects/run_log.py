"""How many runs a second many jobs push to one run log, and whether one is lost."""

from __future__ import annotations

import subprocess
import sys
from time import perf_counter
from typing import TYPE_CHECKING, Final

from pytest_nexus.history.exchange.merge import candidate_of
from pytest_nexus.history.postgres.run_log import open_run_log
from pytest_nexus.history.postgres.run_log_address import run_log_address
from pytest_nexus.history.postgres.share_runs import pull
from pytest_nexus.history.store import open_history
from tests.benchmarks.table import Table
from tests.support.builders import attempt, run
from tests.support.postgresql import started

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.bench import Bench

TITLE = "many jobs that push runs at once"

_RUNS: Final = 20
_TESTS: Final = 200


def measure(bench: Bench) -> list[Table]:
    """Let jobs push at once to a server on this machine, and pull all of it."""
    n_jobs = bench.size(64, 2)
    paths = [_written(bench.folder / f"{job}.sqlite3", job) for job in range(n_jobs)]
    with started() as server:
        url = server.new_database()
        begun = perf_counter()
        jobs = [_pushing(path, url) for path in paths]
        failed = sum(job.wait() != 0 for job in jobs)
        pushed_s = perf_counter() - begun
        with (
            open_run_log(run_log_address(url)) as log,
            open_history(bench.folder / "all.sqlite3") as history,
        ):
            begun = perf_counter()
            n_pulled = pull(history, log).runs
            pulled_s = perf_counter() - begun
    n = n_jobs * _RUNS
    row = {
        "jobs": n_jobs,
        "runs": n,
        "push s": pushed_s,
        "pushed runs/s": n / pushed_s,
        "jobs that failed": failed,
        "pull s": pulled_s,
        "pulled runs/s": n_pulled / pulled_s,
        "runs lost": n - n_pulled,
    }
    note = (
        f"Each run has {_TESTS} tests. The seconds of the push include the start of the processes."
    )
    return [Table("Pushes at once", [row], note)]


def _written(path: Path, job: int) -> Path:
    with open_history(path) as history:
        history.add(
            candidate_of(
                run(1 + job * _RUNS + one, 1e9 + one),
                [attempt(f"tests/test_{test % 20}.py::test_{test}") for test in range(_TESTS)],
            )
            for one in range(_RUNS)
        )
    return path


def _pushing(path: Path, url: str) -> subprocess.Popen[bytes]:
    words = ("history", "push", "--history", str(path), "--to", url)
    return subprocess.Popen(
        [sys.executable, "-m", "pytest_nexus", *words], stdout=subprocess.DEVNULL
    )
