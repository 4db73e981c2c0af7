"""What reruns cost: wall time for flaky tests beyond that of the same suite without flakes."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Final

from tests.benchmarks.flaky_suites import write_flaky_suite
from tests.benchmarks.rerun_tools import NEXUS, TOOLS, Counted, session_of
from tests.benchmarks.sampling import excess, take_turns
from tests.benchmarks.table import Table, within

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.sampling import Cost
    from tests.benchmarks.table import Cell

TITLE = "wall time for flaky tests that are repeated, beside peers"

RECOVERS_S: Final = 1.0
SHARE_OF_BEST: Final = 0.2


def measure(bench: Bench) -> list[Table]:
    """Run both suites with every tool in a single process, all taking turns."""
    return [compared(bench)]


def compared(bench: Bench, n_workers: int = 0) -> Table:
    """Return the table for a single process, or for so many xdist workers."""
    n_tests, n_flaky = bench.size(2_000, 40), bench.size(20, 2)
    folder = Path(mkdtemp(dir=bench.folder))
    flaky = write_flaky_suite(
        folder / "flaky", n_tests, 0.005, n_flaky=n_flaky, recovers_s=RECOVERS_S
    )
    steady = write_flaky_suite(folder / "steady", n_tests, 0.005)
    workers = ("-n", str(n_workers)) if n_workers else ()
    sessions = {
        (tool.name, suite.name): Counted(session_of(bench, tool, suite, (*tool.delay, *workers)))
        for tool in TOOLS
        for suite in (flaky, steady)
        if bench.environment(tool.peer) is not None
    }
    for suite in ("flaky", "steady"):
        sessions[NEXUS, suite]()  # the history that the later ones find
    names = {f"{tool}, {suite}": counted for (tool, suite), counted in sessions.items()}
    taken = take_turns(names, bench.size(3, 1))
    return Table(
        f"{n_tests:,} tests of 5 ms, {n_flaky} of them flaky, {_named(n_workers)}",
        _flaky_rows(taken, n_tests),
        "Wall seconds beyond the same suite without flakes, medians by round. A flaky test passes"
        " from a second after its first failure on.",
        taken,
    )


def _flaky_rows(
    taken: Mapping[str, Sequence[tuple[Cost, int]]], n_tests: int
) -> list[Mapping[str, Cell]]:
    walls = {name: [cost.wall_s for cost, _ in each] for name, each in taken.items()}
    tools = [name.removesuffix(", flaky") for name in walls if name.endswith(", flaky")]
    extra = {tool: excess(walls[f"{tool}, flaky"], walls[f"{tool}, steady"]) for tool in tools}
    best = min((extra[tool] for tool in tools if not tool.startswith(NEXUS)), default=None)
    rows: list[Mapping[str, Cell]] = []
    for tool in tools:
        row: dict[str, Cell] = {
            "session": tool,
            "wall s": median(walls[f"{tool}, flaky"]),
            "without flakes": median(walls[f"{tool}, steady"]),
            "beyond": extra[tool],
            "reruns": median(count for _, count in taken[f"{tool}, flaky"]) - n_tests,
        }
        if best is not None:
            row["/ best peer"] = extra[tool] / best
        if best is not None and tool.startswith(NEXUS):
            row["budget"] = within(extra[tool] / best, SHARE_OF_BEST, "x")
        rows.append(row)
    return rows


def _named(n_workers: int) -> str:
    return f"-n {n_workers}" if n_workers else "single process"
