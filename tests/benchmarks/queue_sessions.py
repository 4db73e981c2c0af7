"""Real sessions that share a suite of sleeping tests: from a queue, and as static shards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history
from tests.benchmarks.processes import RunFailedError, environment
from tests.benchmarks.queue_simulation import lower_bound
from tests.support.builders import attempt, run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_MOST_S: Final = 600.0
_SIGMA: Final = 0.3
"""Real durations are log-normal around the expected ones, off by 30 %."""

_TESTS: Final = """\
import json
import os
import time
from pathlib import Path

import pytest

SECONDS = json.loads(Path("seconds.json").read_text())
SPEED = float(os.environ["SPEED"])


@pytest.mark.parametrize("number", range(len(SECONDS)))
def test_sleeps(number):
    time.sleep(SECONDS[number] / SPEED)
"""

_CONFTEST: Final = '''\
import json
import os
import time
from pathlib import Path

import pytest

JOB, N_JOBS = os.environ["JOB"], int(os.environ["N_JOBS"])
ended, took = [0.0], [0.0]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish():
    """Wait until all jobs have collected: the start of a session is not measured here."""
    Path(f"ready-{JOB}").touch()
    deadline = time.monotonic() + 300
    while len(list(Path().glob("ready-*"))) < N_JOBS and time.monotonic() < deadline:
        time.sleep(0.01)
    Path(f"began-{JOB}").write_text(str(time.time()))


def pytest_runtest_logreport(report):
    took[0] += report.duration


def pytest_runtest_logfinish():
    ended[0] = time.time()


def pytest_sessionfinish():
    Path(f"ended-{JOB}").write_text(json.dumps([ended[0], took[0]]))
'''


class Round(NamedTuple):
    """One round: what the tests really take, and how fast each runner is."""

    seconds: Sequence[float]
    """Of each test, on a runner of speed 1."""
    speeds: Sequence[float]
    """Of the runners, the first job first."""

    @property
    def least_s(self) -> float:
        """Return the time that no schedule beats."""
        return lower_bound(self.seconds, self.speeds)


class Ended(NamedTuple):
    """What came of one round."""

    makespan_s: float
    """From when all jobs had collected to the end of the last test."""
    took_s: float
    """The time that no schedule beats if tests take as long as they did, which on a busy machine is
    longer than their sleep."""


def expected_seconds(n_tests: int, total_s: float) -> list[float]:
    """Return log-normal seconds of tests, sigma 1, with the given sum."""
    random = Random(1)
    drawn = [random.lognormvariate(0.0, 1.0) for _ in range(n_tests)]
    return [seconds * total_s / sum(drawn) for seconds in drawn]


def rounds(expected_s: Sequence[float], n_jobs: int, n_rounds: int) -> list[Round]:
    """Return rounds with durations off by 30 %, and one runner at half speed, by seed."""
    found = []
    for seed in range(n_rounds):
        random = Random(seed)
        speeds = [1.0] * n_jobs
        speeds[random.randrange(n_jobs)] = 0.5
        found.append(Round([s * random.lognormvariate(0.0, _SIGMA) for s in expected_s], speeds))
    return found


def write_sleeping_suite(folder: Path, expected_s: Sequence[float]) -> None:
    """Write the suite, and a history of three runs that took the expected seconds."""
    folder.mkdir(parents=True)
    (folder / "test_sleeps.py").write_text(_TESTS, "utf-8")
    (folder / "conftest.py").write_text(_CONFTEST, "utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nnexus_ingest = false\n", "utf-8")
    (folder / "seconds.json").write_text(json.dumps(list(expected_s)), "utf-8")
    with open_history(folder / ".nexus" / "history.sqlite3") as history:
        for number in range(1, 4):
            attempts = [
                attempt(f"test_sleeps.py::test_sleeps[{at}]", call_s=seconds)
                for at, seconds in enumerate(expected_s)
            ]
            ingest_run(history, run(number), attempts)


def run_round(folder: Path, one: Round, jobs: Sequence[Sequence[str]]) -> Ended:
    """Let jobs run the suite, and return when they ended.

    Args:
        folder: of the suite.
        one: the round.
        jobs: arguments of each job.

    Raises:
        RunFailedError: a job failed.
    """
    for path in (*folder.glob("ready-*"), *folder.glob("began-*"), *folder.glob("ended-*")):
        path.unlink()
    (folder / "seconds.json").write_text(json.dumps(list(one.seconds)), "utf-8")
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nexus", *arguments],
            cwd=folder,
            env=environment()
            | {"JOB": str(number), "N_JOBS": str(len(jobs)), "SPEED": str(one.speeds[number])},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for number, arguments in enumerate(jobs)
    ]
    said = [process.communicate(timeout=_MOST_S)[0] for process in started]
    if any(process.returncode for process in started):
        raise RunFailedError(os.linesep.join(text[-1000:] for text in said))
    began = max(float(path.read_text("utf-8")) for path in folder.glob("began-*"))
    ended = [json.loads((folder / f"ended-{job}").read_text("utf-8")) for job in range(len(jobs))]
    worked_s = sum(took_s * speed for (_, took_s), speed in zip(ended, one.speeds, strict=True))
    return Ended(max(end for end, _ in ended) - began, worked_s / sum(one.speeds))


def plan_shards(folder: Path, n_jobs: int) -> Path:
    """Divide the suite by its history with `nexus plan`, and return the file of the plan."""
    path = folder / "plan.json"
    words = ["plan", f"--shards={n_jobs}", f"--output={path}"]
    alone = {"JOB": "plan", "N_JOBS": "0", "SPEED": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest_nexus.cli.main", *words],
        cwd=folder, env=environment() | alone, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RunFailedError(done.stderr[-1000:])
    return path
