"""What the export over OTLP costs at the end of a session."""

from __future__ import annotations

import subprocess
import sys
from statistics import median
from typing import TYPE_CHECKING, Final

from pytest_nexus.journal.writer import JournalWriter
from tests.benchmarks.peers import ROOT
from tests.benchmarks.suites import attempts
from tests.benchmarks.table import Table, within
from tests.support.builders import run
from tests.support.collector import collecting
from tests.support.repository import environment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Cell

TITLE = "export over OTLP at the end of a session"

MAX_S: Final = 2.0
"""A session waits no longer for a collector."""

_EXPORT: Final = """
import os, sys
from pathlib import Path
from time import perf_counter
from pytest_nexus.journal.sessions import read_session
from pytest_nexus.report.monitoring.export import export_run
started = perf_counter()
export_run([read_session(Path(sys.argv[1]))], os.environ)
print(perf_counter() - started)
"""
"""What a session does after its journal has ended, in a process that has loaded nothing else."""


def measure(bench: Bench) -> list[Table]:
    """Export the journal of one session to a collector on this machine."""
    rows = []
    for n_tests in (bench.size(1_000, 50), bench.size(10_000, 100)):
        path = _journal(bench.folder / f"journal-{n_tests}", n_tests)
        rows.append(_row(path, n_tests, bench.size(5, 1)))
    note = "Seconds in the median, with the imports of the SDK. The collector decodes in between."
    return [Table("Export", rows, note)]


def _row(path: Path, n_tests: int, rounds: int) -> dict[str, Cell]:
    seconds, n_spans = [], 0
    for _ in range(rounds):
        with collecting() as collector:
            done = subprocess.run(
                [sys.executable, "-c", _EXPORT, str(path)],
                cwd=ROOT, env=environment(**collector.environ), capture_output=True, text=True,
                check=True, timeout=60,
            )  # fmt: skip
            seconds.append(float(done.stdout))
            n_spans = len(collector.spans)
    value = median(seconds)
    return {
        "tests": f"{n_tests:,}",
        "spans": n_spans,
        "s": value,
        "budget": within(value, MAX_S, "s"),
    }


def _journal(folder: Path, n_tests: int) -> Path:
    writer = JournalWriter.create(folder, run(n_tests, 1.7e9))
    writer.collection(n_tests, n_tests)
    for each in attempts(n_tests, seed=n_tests):
        writer.attempt(each)
    writer.end(60.0, 1, complete=True)
    writer.close()
    return writer.path
