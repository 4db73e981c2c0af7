"""One job of a shared queue that runs no test: claims, hands in, and prints what that took.

    python -m tests.benchmarks.queue_client ADDRESS NAME

The first line of output says that the job has joined. Then the job waits for a line of input. At
the end it prints a list of seconds, one for each claim with what was handed in before it, and the
list of the units that the queue took from it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final

from pytest_nexus.history.shared_queue.address import open_queue
from pytest_nexus.history.shared_queue.sql_queue import Job
from pytest_nexus.run.shared_queue.job_queue import JobQueue

if TYPE_CHECKING:
    from pytest_nexus.plan.shared_queue.work import Leased

RUN: Final = "bench"
DIGEST: Final = "digest"
LEASE_S: Final = 5.0


def main(address: str, name: str) -> int:
    """Claim until nothing is left to claim or to wait for."""
    source = open_queue(address, Path.cwd(), Job(RUN, name, name), LEASE_S)
    source.join()
    queue = JobQueue(source, _complain, patience_s=60.0, beat_s=LEASE_S / 3)
    queue.open(list, DIGEST, 0)
    print("joined", flush=True)
    sys.stdin.readline()
    spent: list[float] = []
    done: list[int] = []
    while units := _claim(queue, spent):
        for unit in units:
            queue.finished(unit)
            done.append(unit.number)
    queue.close()
    refused = {unit.number for unit in queue.refused}
    done = [number for number in done if number not in refused]
    print(json.dumps({"spent": spent, "done": done}), flush=True)
    return 0


def _claim(queue: JobQueue, spent: list[float]) -> list[Leased]:
    began = perf_counter()
    units = queue.claim()
    if units:
        spent.append(perf_counter() - began)
    return units or queue.wait(lambda: True)


def _complain(sentence: str) -> None:
    print(sentence, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
