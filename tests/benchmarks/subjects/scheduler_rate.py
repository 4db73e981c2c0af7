"""How many tests a second pass through the scheduler, on a suite whose tests do nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shutil import copytree
from statistics import median
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Final

from tests.benchmarks.sampling import excess, ratio, take_turns
from tests.benchmarks.sessions import Session
from tests.benchmarks.suites import TESTS_PER_MODULE, write_suite
from tests.benchmarks.table import Table, within

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.sampling import Cost
    from tests.benchmarks.table import Cell

TITLE = "tests per second of the scheduler under xdist, beside --dist load"

MAX_PERCENT: Final = (10.0, 4.0)
"""Over `--dist load` without nexus, and over the same recording under xdist's own scheduler."""
_WORKERS: Final = ("-n", "2")
_BARE: Final = "--dist load, without nexus"
_RECORDED: Final = "--dist load, recorded by nexus (nexus_dist=off)"
_NEXUS: Final = "nexus"
_WARM_UP: Final = 2
"""Recorded sessions before the first that counts: the history knows every test."""


@dataclass(frozen=True, slots=True)
class _Variant:
    arguments: tuple[str, ...]
    base: str
    """What it is compared with."""


_VARIANTS: Final = {
    _BARE: _Variant(("-p", "no:nexus", "--dist", "load"), _BARE),
    _RECORDED: _Variant(("--nexus", "-o", "nexus_dist=off", "--dist", "load"), _BARE),
    _NEXUS: _Variant(("--nexus",), _RECORDED),
}


def measure(bench: Bench) -> list[Table]:
    """Run one suite under each scheduler, taking turns; every history is warm."""
    used = bench.required("nexus")
    n_tests, rounds = bench.size(20_000, 2 * TESTS_PER_MODULE), bench.size(7, 1)
    suite = write_suite(bench.folder / "suite", n_tests)
    sessions = {
        name: Session(
            used,
            copytree(suite, Path(mkdtemp(dir=bench.folder)) / "suite"),
            (*variant.arguments, *_WORKERS),
            (".nexus/journal",),
        )
        for name, variant in _VARIANTS.items()
    }
    take_turns({name: sessions[name] for name in (_RECORDED, _NEXUS)}, bench.size(_WARM_UP, 1))
    costs = take_turns(sessions, rounds)
    note = (
        "Whole sessions, collection included. The scheduler's own share is nexus beside xdist's"
        " scheduler with the same recording; the other ratio is what a user sees. Ratios are"
        " medians by round."
    )
    title = f"{n_tests:,} trivial tests, {' '.join(_WORKERS)}, {rounds} rounds"
    return [Table(title, _rows(costs, n_tests), note, costs)]


def _rows(costs: Mapping[str, Sequence[Cost]], n_tests: int) -> list[Mapping[str, Cell]]:
    walls = {name: [cost.wall_s for cost in each] for name, each in costs.items()}
    cpus = {name: [cost.cpu_s for cost in each] for name, each in costs.items()}
    rows: list[Mapping[str, Cell]] = []
    for name, wall in walls.items():
        base = _VARIANTS[name].base
        row: dict[str, Cell] = {
            "session": name,
            "wall s": median(wall),
            "tests/s": n_tests / median(wall),
            "wall / bare": ratio(wall, walls[_BARE]),
            "least / least": min(wall) / min(walls[_BARE]),
            "most s": max(wall),
            "cpu s": median(cpus[name]),
            "cpu / bare": ratio(cpus[name], cpus[_BARE]),
            "us per test": 1e6 * excess(wall, walls[_BARE]) / n_tests,
        }
        if name == _NEXUS:
            percents = [100 * (ratio(wall, walls[each]) - 1) for each in (_BARE, base)]
            whole, own = (
                within(percent, most, "%")
                for percent, most in zip(percents, MAX_PERCENT, strict=True)
            )
            row["budget"] = f"{whole} of the whole; the scheduler alone {own}"
        rows.append(row)
    return rows
