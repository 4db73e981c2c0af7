"""What starting a session costs when the history knows many tests."""

from __future__ import annotations

import os
from statistics import median
from typing import TYPE_CHECKING, Final

from pytest_nexus.history.store import open_history
from pytest_nexus.impact.changes import find_change
from pytest_nexus.plan.make import make_plan
from tests.benchmarks.sampling import Cost, cost, excess, take_turns
from tests.benchmarks.sessions import Session
from tests.benchmarks.suites import nodeids, write_history, write_suite
from tests.benchmarks.table import Table, within
from tests.support.builders import collected
from tests.support.suites import by_failure_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Cell

TITLE = "fixed cost of a session, with many tests in the history"

MAX_MS: Final = 150.0
_BUDGETED: Final = 10_000
_BARE: Final = "bare pytest and xdist"
_HISTORY: Final = ".nexus/history.sqlite3"
_RUNS: Final = 5


def measure(bench: Bench) -> list[Table]:
    """Compare sessions of one test, then take the start apart in this process."""
    sizes = [0, bench.size(_BUDGETED, 200), bench.size(50_000, 500)]
    folders = {size: _folder(bench.folder / str(size), size) for size in sizes}
    return [_sessions(bench, folders), _phases(bench, folders)]


def _folder(folder: Path, n_tests: int) -> Path:
    """Write a suite of one test; without tests to know, nexus finds no history at all."""
    write_suite(folder, 1)
    if n_tests:
        write_history(folder / _HISTORY, n_tests, _RUNS)
    return folder


def _sessions(bench: Bench, folders: Mapping[int, Path]) -> Table:
    bare, nexus = bench.required("bare"), bench.required("nexus")
    sessions: dict[str, Session] = {_BARE: Session(bare, folders[0])}
    for size, folder in folders.items():
        forgets = () if size else (".nexus",)
        sessions[_name(size)] = Session(nexus, folder, ("--nexus",), forgets)
    take_turns(sessions, 1)
    costs = take_turns(sessions, bench.size(11, 1))
    rows = [{"session": _BARE, **_cells(costs, _BARE)}]
    for size in folders:
        row = {"session": _name(size), **_cells(costs, _name(size))}
        if size == _BUDGETED:
            row["budget"] = within(float(row["cpu ms over bare"] or 0), MAX_MS, "ms")
        rows.append(row)
    note = (
        "One test is run. Processor time, user and system, git included: start, and taking the run"
        " in at the end; differences by round."
    )
    return Table("Sessions", rows, note, costs)


def _name(size: int) -> str:
    return f"nexus, {size:,} tests in the history" if size else "nexus, no history"


def _cells(costs: Mapping[str, list[Cost]], name: str) -> dict[str, Cell]:
    own, base = costs[name], costs[_BARE]
    return {
        "cpu ms": 1e3 * median(cost.cpu_s for cost in own),
        "cpu ms over bare": 1e3 * excess([c.cpu_s for c in own], [c.cpu_s for c in base]),
        "wall ms over bare": 1e3 * excess([c.wall_s for c in own], [c.wall_s for c in base]),
    }


def _phases(bench: Bench, folders: Mapping[int, Path]) -> Table:
    rows: list[Mapping[str, Cell]] = []
    samples: dict[str, list[Cost]] = {}
    for size, folder in folders.items():
        if size:
            taken = take_turns(_steps(folder, size), bench.size(9, 1))
            rows += [
                {
                    "tests": size,
                    "phase": phase,
                    "cpu ms": 1e3 * median(cost.cpu_s for cost in costs),
                    "wall ms": 1e3 * median(cost.wall_s for cost in costs),
                }
                for phase, costs in taken.items()
            ]
            samples |= {f"{size} {phase}": costs for phase, costs in taken.items()}
    note = "The processor time of git itself is not in its line, the wall time is."
    return Table("Phases, in one process", rows, note, samples)


def _steps(folder: Path, size: int) -> dict[str, Callable[[], Cost]]:
    change = find_change(folder, None, os.environ)
    tests = [collected(nodeid) for nodeid in nodeids(size)]
    with open_history(folder / _HISTORY) as history:
        stats = history.stats()
    return {
        "git: what changed": lambda: cost(lambda: find_change(folder, None, os.environ)),
        "open the history": lambda: cost(lambda: open_history(folder / _HISTORY).close()),
        "read all it knows": lambda: cost(lambda: _read(folder)),
        "plan one test": lambda: cost(
            lambda: make_plan(tests[:1], stats, change, forecaster=by_failure_rate)
        ),
        "plan all tests": lambda: cost(
            lambda: make_plan(tests, stats, change, forecaster=by_failure_rate)
        ),
    }


def _read(folder: Path) -> None:
    with open_history(folder / _HISTORY) as history:
        history.stats()
