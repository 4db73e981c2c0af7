"""A shared queue under many claiming jobs, and how evenly jobs end that draw from one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random
from statistics import median, quantiles
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.records import Forecast
from pytest_nexus.history.shared_queue.address import open_queue
from pytest_nexus.history.shared_queue.sql_queue import Job
from pytest_nexus.plan.sharding.split import divide
from pytest_nexus.plan.shared_queue.work import WorkUnit
from tests.benchmarks.duration_sets import duration_sets
from tests.benchmarks.peers import Environment
from tests.benchmarks.queue_client import DIGEST, LEASE_S, RUN
from tests.benchmarks.queue_sessions import (
    expected_seconds,
    plan_shards,
    rounds,
    run_round,
    write_sleeping_suite,
)
from tests.benchmarks.queue_simulation import lower_bound, queue_makespan, static_makespan
from tests.benchmarks.sampling import excess, take_turns
from tests.benchmarks.sessions import Session
from tests.benchmarks.suites import write_suite
from tests.benchmarks.table import Table, within
from tests.support.builders import collected
from tests.support.postgresql import started

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.duration_sets import DurationSet
    from tests.benchmarks.table import Cell

TITLE = "jobs that share a queue: claims a second, and makespan beside static shards"

MAX_RATIO: Final = 1.03
N_JOBS: Final = (4, 16, 64)
_JOB_S: Final = 600.0
"""Seconds of work for each job; the durations of a set are scaled to that."""
_SIGMA: Final = 0.3
"""Real durations are log-normal around the expected ones, off by 30 %."""
_MOST_S: Final = 600.0


def measure(bench: Bench) -> list[Table]:
    """Let processes claim from a server on this machine, simulate jobs, and run real sessions."""
    tables = {
        "claims": lambda: [_claims(bench.size(100, 4), bench.size(50_000, 200))],
        "simulated": lambda: _simulated(bench),
        "sessions": lambda: [_sessions(bench)],
        "overhead": lambda: [_overhead(bench)],
    }
    asked = os.environ.get("QUEUE_TABLES", ",".join(tables)).split(",")
    return [table for name in asked for table in tables[name]()]


def _sessions(bench: Bench) -> Table:
    """Measure real sessions that sleep: from a queue in a file, and as static shards."""
    n_jobs = 4
    expected_s = expected_seconds(bench.size(200, 12), bench.size(90, 1))
    found = _run_rounds(bench, expected_s, n_jobs)
    row: dict[str, Cell] = {"jobs": n_jobs, "tests": len(expected_s)}
    row |= {name: round(median(values), 3) for name, values in found.items()}
    row["queue, worst"] = round(max(found["queue"]), 3)
    row["budget"] = within(round(median(found["queue"]), 3), MAX_RATIO, "x")
    note = (
        "Makespan of real sessions over the lower bound, from when all jobs have collected to the"
        " end of the last test. Tests sleep; their seconds are log-normal, and off by 30 % from"
        " those in the history. One runner has half the speed. Static shards are of `nexus plan`."
        " On a busy machine a test takes longer than it asks to sleep: the bound of one column has"
        " the seconds that tests took. Load is the load average after a round."
    )
    return Table("real sessions, makespan over the lower bound", [row], note, found)


def _run_rounds(bench: Bench, expected_s: Sequence[float], n_jobs: int) -> dict[str, list[float]]:
    """Return the ratios of each round by column."""
    folder = bench.folder / "sleeps"
    write_sleeping_suite(folder, expected_s)
    plan = plan_shards(folder, n_jobs)
    found: dict[str, list[float]] = {"queue": [], "static": [], "queue, as tests took": []}
    found["load"] = []
    for number, one in enumerate(rounds(expected_s, n_jobs, bench.size(5, 1))):
        queue = f"--nexus-queue=sqlite:///{bench.folder / 'sleeps.db'}"
        jobs = {
            "queue": [
                (queue, f"--nexus-queue-run={number}", f"--nexus-queue-job={job}")
                for job in range(n_jobs)
            ],
            "static": [
                (f"--nexus-shard={job + 1}/{n_jobs}", f"--nexus-plan={plan}")
                for job in range(n_jobs)
            ],
        }
        for name in sorted(jobs, reverse=number % 2 == 1):
            ended = run_round(folder, one, jobs[name])
            found[name].append(ended.makespan_s / one.least_s)
            if name == "queue":
                found["queue, as tests took"].append(ended.makespan_s / ended.took_s)
                found["load"].append(os.getloadavg()[0])
    return found


def _overhead(bench: Bench) -> Table:
    """Measure what the queue costs for each test and for each job, with tests that do nothing."""
    n_tests, small = bench.size(2000, 20), 1
    python = Environment(Path(sys.executable), {})
    sessions = {}
    for size in (small, n_tests):
        for name in ("nexus", "queue"):
            folder = write_suite(bench.folder / f"{name}-{size}", size)
            more = ("--nexus-queue=sqlite:///queue.db", "--nexus-queue-run=1")
            arguments = ("--nexus", *(more if name == "queue" else ()))
            sessions[f"{name} {size}"] = Session(
                python, folder, arguments, forgets=(".nexus", "queue.db", "queue.db-wal")
            )
    taken = take_turns(sessions, bench.size(9, 1))
    cpu = {name: [one.cpu_s for one in costs] for name, costs in taken.items()}
    wall = {name: [one.wall_s for one in costs] for name, costs in taken.items()}
    rows: list[Mapping[str, Cell]] = []
    for what, found in (("processor", cpu), ("wall", wall)):
        start_s = excess(found[f"queue {small}"], found[f"nexus {small}"])
        all_s = excess(found[f"queue {n_tests}"], found[f"nexus {n_tests}"])
        per_test_us = (all_s - start_s) / (n_tests - small) * 1e6
        rows.append({
            "time": what, "start of a job ms": round(start_s * 1000, 1),
            "each test us": round(per_test_us, 1), "session without queue s":
            round(median(found[f"nexus {n_tests}"]), 2),
        })  # fmt: skip
    note = (
        f"A session that draws {n_tests:,} empty tests from a queue in a file, beside the same"
        " session without a queue; medians of the differences."
    )
    return Table("overhead of the queue", rows, note, taken)


def _claims(n_jobs: int, n_units: int) -> Table:
    """Measure claims while a tenth of the jobs is killed."""
    with started() as server:
        address = server.new_database()
        queue = open_queue(address, Path.cwd(), Job(RUN, "loader", "loader"), LEASE_S)
        random = Random(1)
        units = [WorkUnit((n,), random.lognormvariate(-0.5, 1)) for n in range(n_units)]
        began = perf_counter()
        queue.load(units, DIGEST)
        loaded_s = perf_counter() - began
        jobs = [_started(address, f"job {number}") for number in range(n_jobs)]
        for job in jobs:
            job.stdout.readline()
        began = perf_counter()
        for job in jobs:
            job.stdin.write("\n")
            job.stdin.flush()
        sleep(0.5)
        n_killed = max(n_jobs // 10, 1)
        for job in jobs[:n_killed]:
            job.kill()
        ended = [json.loads(job.communicate(timeout=_MOST_S)[0]) for job in jobs[n_killed:]]
        seconds = perf_counter() - began
        for job in jobs[:n_killed]:
            job.communicate()
        state = queue.state()
        queue.close()
    spent = [each for one in ended for each in one["spent"]]
    percent = quantiles(spent, n=100)
    by_survivors = [unit for one in ended for unit in one["done"]]
    row = {
        "jobs": n_jobs,
        "killed": n_killed,
        "units": n_units,
        "load s": round(loaded_s, 2),
        "claims/s": round(len(spent) / seconds),
        "units/s": round(n_units / seconds),
        "p50 ms": round(percent[49] * 1000, 1),
        "p99 ms": round(percent[98] * 1000, 1),
        "done": state.n_done,
        "lost": state.n_lost + n_units - state.n_done,
        "handed in twice": len(by_survivors) - len(set(by_survivors)),
    }
    note = (
        "A claim hands in the units before it, too. No test runs, so each process claims as fast as"
        " it can; server and processes share this machine."
    )
    return Table("claims from PostgreSQL", [row], note)


def _started(address: str, name: str) -> Any:
    words = [sys.executable, "-m", "tests.benchmarks.queue_client", address, name]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _simulated(bench: Bench) -> list[Table]:
    sets = list(duration_sets())
    rows = [
        _row(each, n_jobs, bench.size(25, 2))
        for each in sets[: bench.size(len(sets), 1)]
        for n_jobs in N_JOBS
    ]
    note = (
        f"Makespan over the lower bound: all work at the speed of all runners, or the longest test."
        f" Real durations are log-normal around the expected ones (sigma {_SIGMA}), one runner has"
        f" half the speed. Durations are scaled to {_JOB_S:g} s for each job; where the longest"
        " test is the bound, no division is better than one that starts that test at once. Static"
        " shards are nexus' own, with the same expected durations."
    )
    return [Table("simulated makespan over the lower bound", rows, note)]


def _row(each: DurationSet, n_jobs: int, n_seeds: int) -> Mapping[str, Cell]:
    scale = _JOB_S * n_jobs / sum(each.durations_s)
    expected_s = [seconds * scale for seconds in each.durations_s]
    shards = _static(each, expected_s, n_jobs)
    queue, static, n_ruled = [], [], 0
    for seed in range(n_seeds):
        random = Random(seed)
        actual_s = [seconds * random.lognormvariate(0.0, _SIGMA) for seconds in expected_s]
        speeds = [1.0] * n_jobs
        speeds[random.randrange(n_jobs)] = 0.5
        bound = lower_bound(actual_s, speeds)
        n_ruled += bound == max(actual_s)
        queue.append(queue_makespan(expected_s, actual_s, speeds) / bound)
        static.append(static_makespan(shards, actual_s, speeds) / bound)
    return {
        "durations": f"{each.name}, N = {n_jobs}",
        "queue": round(median(queue), 3),
        "queue, worst": round(max(queue), 3),
        "static": round(median(static), 3),
        "longest test rules": f"{n_ruled} of {n_seeds}",
        "budget": within(round(median(queue), 3), MAX_RATIO, "x"),
    }


def _static(each: DurationSet, expected_s: Sequence[float], n_jobs: int) -> Sequence[int]:
    tests = [collected(nodeid, ()) for nodeid in each.nodeids]
    forecasts = [Forecast(0.01, seconds) for seconds in expected_s]
    return divide(tests, forecasts, {}, n_jobs).shards
