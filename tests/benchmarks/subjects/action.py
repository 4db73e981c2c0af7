"""What the steps of the action cost around the tests themselves."""

from __future__ import annotations

import gzip
import subprocess
import sys
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.records import Change, CIRun, Run
from pytest_nexus.github.client import Client
from pytest_nexus.github.pull import pull
from pytest_nexus.history.store import open_history
from pytest_nexus.journal.shards import plan_lines
from pytest_nexus.journal.writer import JournalWriter
from pytest_nexus.plan.make import make_plan
from pytest_nexus.plan.sharding.divide import divide_plan
from tests.benchmarks.suites import nodeids, write_history, write_suite
from tests.benchmarks.table import Table, within
from tests.support.builders import attempt, collected
from tests.support.github_server import TOKEN, GitHubServer, zipped

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Cell

TITLE = "steps of the action, around the tests"

MAX_S: Final = 3.0
MAX_SLIM_MB: Final = 2.0
_SHARDS: Final = 10
_RUNS: Final = 10
_ARTIFACTS: Final = 100


def measure(bench: Bench) -> list[Table]:
    """Time each command as a process of its own, and a pull from a server on this machine."""
    n_tests = bench.size(10_000, 200)
    folder = bench.folder / "suite"
    write_suite(folder, n_tests)
    write_history(folder / ".nexus" / "history.sqlite3", n_tests, _RUNS)
    journals = _journals(folder / "journals", n_tests)
    return [_steps(bench, folder, n_tests), _slim(bench, folder, n_tests), _pull(bench, journals)]


def _journals(folder: Path, n_tests: int) -> list[Path]:
    """Write what the shards of one run leave."""
    plan = make_plan([collected(nodeid) for nodeid in nodeids(n_tests)], {}, Change())
    plan, _ = divide_plan(plan, {}, _SHARDS)
    paths = []
    for shard in range(1, _SHARDS + 1):
        ci = CIRun("github", "77", 7, job="test")
        run = Run(f"{shard:032x}", 1000.0 + shard, ci=ci, python="3.12.1", pytest="9.2.0")
        writer = JournalWriter.create(folder, run)
        writer.plan(plan_lines(plan, shard, _SHARDS, "77"))
        for planned in plan.tests:
            if planned.shard == shard:
                writer.attempt(attempt(planned.test.nodeid))
        writer.end(10.0, 0, complete=True)
        writer.close()
        paths.append(writer.path)
    return paths


def _steps(bench: Bench, folder: Path, n_tests: int) -> Table:
    rows: list[dict[str, Cell]] = []
    samples: dict[str, list[float]] = {}
    commands = {
        "pytest --collect-only": ["pytest", "--collect-only", "-q", "-p", "no:cacheprovider"],
        "nexus plan": [*_NEXUS, "plan", f"--shards={_SHARDS}", "--output=plan.json"],
        "nexus verify": [*_NEXUS, "verify", "journals"],
        "nexus report, Markdown": [*_NEXUS, "report", "journals", "--output=summary.md"],
        "nexus report, CTRF": [*_NEXUS, "report", "journals", "--format=ctrf", "--output=c.json"],
        "nexus train --due": [*_NEXUS, "train", "--due"],
        "nexus history export --slim": [*_NEXUS, "history", "export", "--slim", "slim.sqlite3"],
    }
    for name, command in commands.items():
        samples[name] = [_wall_s(command, folder) for _ in range(bench.size(3, 1))]
    collecting = median(samples["pytest --collect-only"])
    for name, times in samples.items():
        row: dict[str, Cell] = {"step": name, "wall s": median(times)}
        if name == "nexus plan":
            row["over collecting s"] = median(times) - collecting
            row["budget"] = within(median(times) - collecting, MAX_S, "s")
        elif name.startswith("nexus"):
            row["budget"] = within(median(times), MAX_S, "s")
        rows.append(row)
    note = (
        f"{n_tests:,} tests in {_SHARDS} shards; processes of their own, start included. A plan has"
        " to collect the suite, which is pytest's own time."
    )
    return Table("Steps", rows, note, samples)


_NEXUS: Final = ("pytest_nexus.cli.main",)


def _wall_s(command: list[str], folder: Path) -> float:
    started = perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, check=False, capture_output=True
    )
    is_no = command[-1] == "--due" and done.returncode == 1
    assert done.returncode == 0 or is_no, done.stderr
    return perf_counter() - started


def _slim(bench: Bench, folder: Path, n_tests: int) -> Table:
    data = (folder / "slim.sqlite3").read_bytes()
    compressed = len(gzip.compress(data, 6)) / 1e6
    row: dict[str, Cell] = {"tests": n_tests, "MB": len(data) / 1e6, "MB compressed": compressed}
    if not bench.is_quick:
        row["budget"] = within(compressed, MAX_SLIM_MB, "MB")
    return Table("Slim history", [row], "gzip; GitHub's caches use zstd, which is smaller.")


def _pull(bench: Bench, journals: list[Path]) -> Table:
    n_artifacts = bench.size(_ARTIFACTS, 4)
    archives = [path.read_bytes() for path in journals]
    with GitHubServer() as server:
        for number in range(n_artifacts):
            data = archives[number % len(archives)]
            server.put(zipped({"a.jsonl": _renamed(data, number)}))
        client = Client("octo/repo", TOKEN, server.url)
        with open_history(bench.folder / "pulled.sqlite3") as history:
            started = perf_counter()
            pulled = pull(history, client, prefix="nexus-journal-", limit=1000)
            took = perf_counter() - started
        client.close()
    row: dict[str, Cell] = {
        "artifacts": n_artifacts, "runs": pulled.runs, "attempts": pulled.attempts,
        "requests": len(server.asked), "wall s": took,
    }  # fmt: skip
    note = "From a server on this machine: what the network takes comes on top."
    return Table("Pull", [row], note)


def _renamed(journal: bytes, number: int) -> bytes:
    """Return a journal as that of another run."""
    at = journal.index(b'"run_uid":"') + len(b'"run_uid":"')
    return journal[:at] + f"{number + 1:032x}".encode() + journal[at + 32 :]
