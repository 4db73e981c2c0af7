"""Many jobs on one shared queue, as forks of one process; some of them are killed.

    python -m tests.support.queue_crowd ADDRESS NUMBER KILLED

Each job runs units that do nothing but take a moment. The output is one line: the units that the
survivors had refused, and what they said, as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from time import sleep
from typing import Final

from pytest_nexus.history.shared_queue.address import open_queue
from pytest_nexus.history.shared_queue.sql_queue import Job
from pytest_nexus.plan.shared_queue.work import WorkUnit
from pytest_nexus.run.shared_queue.job_queue import JobQueue

N_UNITS: Final = 80
RUN: Final = "crowd"
_LEASE_S: Final = 1.0
_UNIT_S: Final = 0.005


def main(address: str, number: int, n_killed: int) -> int:
    """Run the jobs, and kill the first ones while they have units."""
    pipes, jobs = [], []
    for name in range(number):
        reads, writes = os.pipe()
        job = os.fork()
        if not job:
            _end(_work(address, str(name), writes))
        os.close(writes)
        pipes.append(reads)
        jobs.append(job)
    for name in range(n_killed):
        os.read(pipes[name], 1)  # the job has begun its first unit
        os.kill(jobs[name], signal.SIGKILL)
    said: list[object] = []
    for name, (job, pipe) in enumerate(zip(jobs, pipes, strict=True)):
        with os.fdopen(pipe, "rb") as output:
            text = output.read().lstrip(b".")
        _, status = os.waitpid(job, 0)
        if name >= n_killed:
            said += json.loads(text) if status == 0 else [f"job {name} ended with {status}"]
    print(json.dumps(said))
    return 0


def _work(address: str, name: str, writes: int) -> list[object]:
    """Run units until none is left; return refused units and notices."""
    said: list[object] = []
    source = open_queue(address, Path.cwd(), Job(RUN, name, name), _LEASE_S)
    source.join()
    queue = JobQueue(source, said.append, patience_s=60.0, beat_s=_LEASE_S / 3)
    queue.open(lambda: [WorkUnit((unit,), _UNIT_S) for unit in range(N_UNITS)], "digest", 0)
    is_first = True
    while units := queue.claim() or queue.wait(lambda: True):
        for unit in units:
            if is_first:
                os.write(writes, b".")
                is_first = False
            sleep(_UNIT_S)
            queue.finished(unit)
    said += [*queue.close(), *(unit.number for unit in queue.refused)]
    os.write(writes, json.dumps(said).encode())
    return said


def _end(_: list[object]) -> None:
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
