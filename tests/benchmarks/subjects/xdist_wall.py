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
from tests.benchmarks.suites import SkewedSuite
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
_FLOOR: Final = "lower bound"
_WARM_UP: Final = 2
"""Recorded sessions before the first that counts: the history knows every duration."""


_AREAS: Final = ("args", "diff", "evalf", "expr", "function", "numbers", "power", "relational")
_SYMPY: Final = tuple(f"tests/test_{area}.py" for area in _AREAS)
"""Those that take long, but for one that holds a single test of a third of the whole time."""

_CONFTEST: Final = "import sys\n\nsys._running_pytest = True\n"
"""What sympy's own conftest says to its tests; nothing to others."""


@dataclass(frozen=True, slots=True)
class _Floor:
    """What no schedule can be faster than, where all that tests do is to wait."""

    folder: Path
    """The suite without its waits."""
    waits_s: float


@dataclass(frozen=True, slots=True)
class _Suite:
    name: str
    folder: Path
    n_workers: int
    budget: float
    """Largest wall time over that of the best of xdist's modes."""
    arguments: tuple[str, ...] = ()
    floor: _Floor | None = None


def measure(bench: Bench) -> list[Table]:
    """Run each suite in every mode, the modes taking turns."""
    python = bench.required(_PEER)
    rounds = bench.size(3, 1)
    return [_compared(bench, python, suite, rounds) for suite in _suites(bench, python)]


def _suites(bench: Bench, environment: Environment) -> list[_Suite]:
    suites = [
        suite
        for name, kind in _skewed(bench).items()
        for suite in _synthetic(bench, f"synthetic, {name}", kind)
    ]
    if not bench.is_quick:
        networkx = _copied(bench, environment, "networkx.algorithms.tests")
        sympy = _copied(bench, environment, "sympy.core.tests")
        suites += [
            _Suite("networkx/algorithms/tests", networkx, 2, 1.0),
            _Suite("sympy/core/tests, some files", sympy, 2, 1.0, _SYMPY),
        ]
    return suites


def _skewed(bench: Bench) -> dict[str, SkewedSuite]:
    n_short = bench.size(60, 8)
    if bench.is_quick:
        return {"one long test last": SkewedSuite(n_short, (1.0,))}
    return {
        "four long tests last": SkewedSuite(n_short, (1.0, 4 / 3, 5 / 3, 2.0)),
        "one long test last, half of the whole": SkewedSuite(n_short, (3.0,)),
    }


def _synthetic(bench: Bench, name: str, kind: SkewedSuite) -> list[_Suite]:
    folder = kind.write(bench.folder / name.replace(" ", "-"))
    idle = kind.write(bench.folder / f"{name.replace(' ', '-')}-idle", waits=False)
    return [_Suite(name, folder, n, 0.9, floor=_Floor(idle, kind.least_s(n))) for n in (2, 4)]


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
        name: Session(used, _own_copy(bench, suite.folder), (*own, *workers), (".nexus/journal",))
        for name, own in options.items()
    }
    if suite.floor is not None:
        idle = _own_copy(bench, suite.floor.folder)
        sessions[_FLOOR] = Session(used, idle, (*options["load"], *workers))
    for _ in range(_WARM_UP):
        sessions[_NEXUS]()
    costs = take_turns(sessions, rounds)
    return Table(
        f"{suite.name}, -n {suite.n_workers}, {rounds} rounds",
        _rows(costs, suite),
        "Wall seconds of the whole session, start and end included; ratios to the best of xdist's"
        " modes (by its median), as medians by round. Without nexus its plugin is not loaded. The"
        f" row {_FLOOR!r}, where there is one: the same suite without its waits under load, plus"
        " an even share of the waits, or the longest of them.",
        costs,
    )


def _own_copy(bench: Bench, folder: Path) -> Path:
    return copytree(folder, Path(mkdtemp(dir=bench.folder)) / "suite")


def _rows(costs: Mapping[str, Sequence[Cost]], suite: _Suite) -> list[Mapping[str, Cell]]:
    walls = {name: [cost.wall_s for cost in each] for name, each in costs.items()}
    if suite.floor is not None:
        walls[_FLOOR] = [idle_s + suite.floor.waits_s for idle_s in walls[_FLOOR]]
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
        if name != _FLOOR:
            row["cpu s"] = median(cost.cpu_s for cost in costs[name])
        if name == _NEXUS:
            row["budget"] = within(ratio(wall, walls[best]), suite.budget, "x")
        rows.append(row)
    return rows
