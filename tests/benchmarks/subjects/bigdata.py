"""How fast a large history becomes parquet files, and how fast these answer and teach.

The second table has runs of 10,000 tests: 1,000 of them, or as many as `BIGDATA_RUNS` says.
"""

from __future__ import annotations

import os
import subprocess
import sys
from time import perf_counter
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.history.sqlite.runs import Counts, insert_run
from pytest_nexus.history.store import open_history
from tests.benchmarks.generated_parquet import TESTS, write_generated
from tests.benchmarks.table import Table
from tests.support.builders import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Cell

TITLE = "export to parquet, SQL about it, and training from it"

_TESTS: Final = 10_000
_QUESTIONS: Final = {
    "sum by test": "select test, count(*), sum(call_s) from attempts group by test"
    " order by 3 desc limit 10",
    "failures by day": "select started_at::date as day, count(*) from attempts"
    " where outcome = 'failed' group by day order by day limit 10",
}
_PASSED, _FAILED = 1 + 8 + 64, 1 + 16 + 64


class _Used(NamedTuple):
    seconds: float
    mib: float


def measure(bench: Bench) -> list[Table]:
    """Write a history with generated attempts, export it, and ask."""
    n_runs = bench.size(1_000, 2)
    path = bench.folder / "history.sqlite3"
    _write_history(path, n_runs)
    n = n_runs * _TESTS
    folder = bench.folder / "parquet"
    export = _nexus("history", "export", str(folder), "--format", "parquet", "--history", str(path))
    n_bytes = sum(file.stat().st_size for file in folder.glob("*/*.parquet"))
    rows = [
        {"step": "export", "s": export.seconds, "MiB": export.mib, "attempts/s": n / export.seconds}
    ]
    for name, query in _QUESTIONS.items():
        used = _nexus("sql", query, "--data", str(folder))
        rows.append(
            {"step": name, "s": used.seconds, "MiB": used.mib, "attempts/s": n / used.seconds}
        )
    note = (
        f"{n:,} attempts in {n_runs:,} runs. The history has"
        f" {path.stat().st_size / 2**20:,.0f} MiB,"
        f" the parquet files {n_bytes / 2**20:,.0f} MiB. Each step is a process; MiB is its peak."
    )
    return [Table("A history of generated attempts", rows, note), _generated(bench)]


def _generated(bench: Bench) -> Table:
    """Let duckdb write more runs than a history holds well; ask them, and learn from them."""
    n_runs = bench.size(int(os.environ.get("BIGDATA_RUNS", "1000")), 4)
    folder, n = bench.folder / "generated", n_runs * TESTS
    begun = perf_counter()
    write_generated(folder, n_runs)
    spent_s = perf_counter() - begun
    n_bytes = sum(file.stat().st_size for file in folder.glob("*/*.parquet"))
    rows: list[dict[str, Cell]] = [
        {"step": "generate", "s": spent_s, "MiB": None, "attempts/s": n / spent_s}
    ]
    steps = {name: ("sql", query, "--data", str(folder)) for name, query in _QUESTIONS.items()}
    history = str(bench.folder / "learned.sqlite3")
    steps["train"] = ("train", "--from", str(folder), "--history", history)
    for name, words in steps.items():
        used = _nexus(*words)
        rows.append(
            {"step": name, "s": used.seconds, "MiB": used.mib, "attempts/s": n / used.seconds}
        )
    note = (
        f"{n:,} attempts in {n_runs:,} runs, one in ten of them with failures; the parquet files"
        f" have {n_bytes / 2**20:,.0f} MiB. Each step but the first is a process; MiB is its peak."
    )
    return Table("Parquet files that duckdb generated", rows, note)


def _write_history(path: Path, n_runs: int) -> None:
    """Write runs and attempts; the derived tables stay empty, because no step reads them."""
    with open_history(path) as history:
        connection = history._connection
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO test VALUES (?, ?, NULL)",
            [(at, f"tests/part_{at % 97}/test_{at % 997}.py::test_{at}") for at in range(_TESTS)],
        )
        for number in range(1, n_runs + 1):
            counts = Counts(_TESTS, _TESTS, 10, 0, mass_failure=False)
            run_id = insert_run(connection, run(number, 1e9 + 3600 * number), counts, b"0" * 16)
            connection.executemany(
                "INSERT INTO attempt VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?, NULL)",
                _attempts(run_id, number),
            )
        connection.execute("COMMIT")


def _attempts(run_id: int, number: int) -> Iterator[tuple[int, ...]]:
    for test in range(_TESTS):
        spread = (test * 7919 + number * 104_729) % 10_007
        outcomes = _FAILED if spread < 10 else _PASSED
        yield (
            run_id,
            test,
            outcomes,
            100 + spread % 37,
            1000 + spread,
            50 + spread % 11,
            test * 900,
            test % 4,
        )


def _nexus(*words: str) -> _Used:
    """Call the command in a process; return its wall seconds and its peak of memory."""
    begun = perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest_nexus", *words], stdout=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    seconds = perf_counter() - begun
    assert status == 0, words
    return _Used(seconds, used.ru_maxrss / 1024)
