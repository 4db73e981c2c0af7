"""Reruns of a suite that fails as a whole, or for good: they prove nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tests.benchmarks.flaky_suites import DOWN, write_flaky_suite
from tests.benchmarks.rerun_tools import NEXUS, TOOLS, Counted, session_of
from tests.benchmarks.table import Table, within

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Cell

TITLE = "reruns of a suite that fails as a whole, beside peers"

MAX_RERUNS: Final = 10
MAX_SHARE: Final = 0.02
_OUTAGES: Final = (("all", 1.0), ("the second half", 0.5), ("the last 3 %", 0.03))


def measure(bench: Bench) -> list[Table]:
    """Let some tests fail in one session, after one in which all passed."""
    n_tests = bench.size(1_000, 100)
    suite = write_flaky_suite(bench.folder / "suite", n_tests, 0.002)
    return [_table(bench, suite, n_tests, *outage) for outage in _OUTAGES]


def _table(bench: Bench, suite: Path, n_tests: int, what: str, share: float) -> Table:
    rows: list[dict[str, Cell]] = []
    for tool in TOOLS:
        if bench.environment(tool.peer) is None:
            continue
        session = session_of(bench, tool, suite)
        session()
        (session.folder / DOWN).write_text(str(round(n_tests * (1 - share))))
        cost, n_executed = Counted(replace(session, status=1))()
        n_reruns = n_executed - n_tests
        row: dict[str, Cell] = {"session": tool.name, "wall s": cost.wall_s, "reruns": n_reruns}
        if share == 1 and tool.name.startswith(NEXUS):
            row["budget"] = within(n_reruns, max(MAX_RERUNS, MAX_SHARE * n_tests), "reruns")
        rows.append(row)
    return Table(
        f"{what} of {n_tests:,} tests of 2 ms fail",
        rows,
        "One session each. Reruns are counted by the tests themselves. The peers have 3 for each"
        " test, and do not wait between attempts here.",
    )
