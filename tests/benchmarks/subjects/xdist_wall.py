"""Wall time under pytest-xdist: scheduled by nexus, and by each of xdist's own modes."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree, ignore_patterns
from statistics import median
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Final

from tests.benchmarks.processes import environment
from tests.benchmarks.sampling import ratio, take_turns
from tests.benchmarks.sessions import Session
from tests.benchmarks.suites import write_skewed_suite
from tests.benchmarks.table import Table, within
from tests.support.repository import init

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.peers import Environment
    from tests.benchmarks.sampling import Cost
    from tests.benchmarks.table import Cell

TITLE = "wall time under xdist, beside its own modes"

_PEER: Final = "nexus-suites"
_NEXUS: Final = "nexus"
_MODES: Final = ("load", "worksteal", "loadscope", "loadfile")
_WARM_UP: Final = 2
"""Recorded sessions before the first that counts: the history knows every duration."""


_AREAS: Final = ("args", "diff", "evalf", "expr", "function", "numbers", "power", "relational")
_SYMPY: Final = tuple(f"tests/test_{area}.py" for area in _AREAS)
"""Those that take long, but for one that holds a single test of a third of the whole time."""

_CONFTEST: Final = "import sys\n\nsys._running_pytest = True\n"
"""What sympy's own conftest says to its tests; nothing to others."""


@dataclass(frozen=True, slots=True)
class _Suite:
    name: str
    folder: Path
    n_workers: int
    budget: float
    """Largest wall time over that of the best of xdist's modes."""
    arguments: tuple[str, ...] = ()


def measure(bench: Bench) -> list[Table]:
    """Run each suite in every mode, the modes taking turns."""
    python = bench.required(_PEER)
    rounds = bench.size(3, 1)
    return [_compared(bench, python, suite, rounds) for suite in _suites(bench, python)]


def _suites(bench: Bench, environment: Environment) -> list[_Suite]:
    skewed = write_skewed_suite(bench.folder / "skewed", bench.size(60, 8), bench.size(4, 1))
    name = "synthetic, long tests last"
    suites = [_Suite(name, skewed, n_workers, 0.9) for n_workers in (2, 4)]
    if not bench.is_quick:
        networkx = _copied(bench, environment, "networkx.algorithms.tests")
        sympy = _copied(bench, environment, "sympy.core.tests")
        suites += [
            _Suite("networkx/algorithms/tests", networkx, 2, 1.0),
            _Suite("sympy/core/tests, some files", sympy, 2, 1.0, _SYMPY),
        ]
    return suites


def _copied(bench: Bench, used: Environment, package: str) -> Path:
    """Copy the tests that come with an installed package to a suite of their own."""
    folder = bench.folder / package
    source = subprocess.run(
        (used.python, "-c", f"import {package} as each; print(each.__path__[0])"),
        capture_output=True, text=True, env=environment(), check=True,
    ).stdout.strip()  # fmt: skip
    copytree(source, folder / "tests", ignore=ignore_patterns("__pycache__"))
    (folder / "conftest.py").write_text(_CONFTEST, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (folder / ".gitignore").write_text("__pycache__/\n.pytest_cache/\n.nexus/\n", encoding="utf-8")
    init(folder).commit()
    return folder


def _compared(bench: Bench, used: Environment, suite: _Suite, rounds: int) -> Table:
    workers = (*suite.arguments, "-n", str(suite.n_workers))
    options = {_NEXUS: ("--nexus",)} | {mode: ("-p", "no:nexus", "--dist", mode) for mode in _MODES}
    sessions = {
        name: Session(used, _own_copy(bench, suite), (*own, *workers), (".nexus/journal",))
        for name, own in options.items()
    }
    for _ in range(_WARM_UP):
        sessions[_NEXUS]()
    costs = take_turns(sessions, rounds)
    return Table(
        f"{suite.name}, -n {suite.n_workers}, {rounds} rounds",
        _rows(costs, suite.budget),
        "Wall seconds of the whole session, start and end included; ratios to the best of xdist's"
        " modes (by its median), as medians by round. Without nexus its plugin is not loaded.",
        costs,
    )


def _own_copy(bench: Bench, suite: _Suite) -> Path:
    return copytree(suite.folder, Path(mkdtemp(dir=bench.folder)) / "suite")


def _rows(costs: Mapping[str, Sequence[Cost]], budget: float) -> list[Mapping[str, Cell]]:
    walls = {name: [cost.wall_s for cost in each] for name, each in costs.items()}
    best = min(_MODES, key=lambda mode: median(walls[mode]))
    rows: list[Mapping[str, Cell]] = []
    for name, wall in walls.items():
        row: dict[str, Cell] = {
            "scheduled by": f"{name} (best of xdist)" if name == best else name,
            "wall s": median(wall),
            "least": min(wall),
            "most": max(wall),
            "/ best": ratio(wall, walls[best]),
        }
        if name == _NEXUS:
            row["budget"] = within(ratio(wall, walls[best]), budget, "x")
        rows.append(row)
    return rows
