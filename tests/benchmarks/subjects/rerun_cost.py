"""What a test that passes costs more where reruns are armed."""

from __future__ import annotations

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
    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Cell

TITLE = "cost of reruns that are armed and not needed"

MAX_PERCENT: Final = 3.0
_OFF: Final = "nexus, --nexus-reruns=0"
_ARMED: Final = "nexus, --nexus-reruns=adaptive"
_BARE: Final = "bare pytest and xdist"


def measure(bench: Bench) -> list[Table]:
    """Run one suite of tests that all pass, with reruns and without."""
    n_tests, rounds = bench.size(10_000, 2 * TESTS_PER_MODULE), bench.size(11, 1)
    suite = write_suite(bench.folder / "suite", n_tests)
    variants = {
        _BARE: ("bare", ()),
        _OFF: ("nexus", ("--nexus", "--nexus-reruns=0")),
        _ARMED: ("nexus", ("--nexus", "--nexus-reruns=adaptive")),
    }
    sessions = {
        name: Session(
            bench.required(peer),
            copytree(suite, Path(mkdtemp(dir=bench.folder)) / "suite"),
            arguments,
            (".nexus/journal",),
        )
        for name, (peer, arguments) in variants.items()
    }
    take_turns(sessions, 1)  # the first session of each writes what the later ones find
    costs = take_turns(sessions, rounds)
    cpu = {name: [cost.cpu_s for cost in each] for name, each in costs.items()}
    rows: list[dict[str, Cell]] = []
    for name, own in cpu.items():
        row: dict[str, Cell] = {
            "session": name,
            "cpu s": median(own),
            "wall s": median(cost.wall_s for cost in costs[name]),
            "cpu / bare": ratio(own, cpu[_BARE]),
            "us per test over --nexus-reruns=0": 1e6 * excess(own, cpu[_OFF]) / n_tests,
        }
        if name == _ARMED:
            percent = 100 * excess(own, cpu[_OFF]) / median(cpu[_BARE])
            row["% of bare"] = percent
            row["budget"] = within(percent, MAX_PERCENT, "%")
        rows.append(row)
    note = "Processor time, user and system; medians, ratios and differences by round."
    return [Table(f"{n_tests:,} trivial tests that pass, {rounds} rounds", rows, note, costs)]
