"""Seconds to the 1st, 5th and last failure of real suites with planted faults."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from shutil import copytree, ignore_patterns, rmtree
from statistics import median
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.records import BAD
from pytest_nexus.journal.reader import read_journal
from tests.benchmarks.processes import environment
from tests.benchmarks.table import Table
from tests.support.repository import init

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.peers import Environment
    from tests.benchmarks.table import Cell

TITLE = "failures of real suites with planted faults: planned order, and learning within the run"

_PEER: Final = "nexus-suites"
_ORDERS: Final = {
    "as collected": "--nexus-order=off",
    "as planned": "--nexus-order=static",
    "learning within the run": "--nexus-order=risk",
}
_ROUNDS: Final = 1
"""A session takes half a minute, and the planned order differs little between sessions."""
_COMMON: Final = ("--nexus", "--nexus-reruns=0", "--no-nexus-ingest", "-q", "--tb=no")


@dataclass(frozen=True, slots=True)
class _Fault:
    package: str
    tests: tuple[str, ...]
    file: str
    good: str
    bad: str


_FAULTS: Final = (
    _Fault(
        "networkx",
        ("networkx/algorithms/tests", "networkx/classes/tests", "networkx/generators/tests"),
        "networkx/algorithms/shortest_paths/weighted.py",
        "data.get(weight, 1)",
        "data.get(weight, 2)",
    ),
    _Fault(
        "networkx",
        ("networkx/algorithms/tests", "networkx/classes/tests", "networkx/generators/tests"),
        "networkx/classes/graph.py",
        "        return int(self.size())",
        "        return int(self.size()) + 1",
    ),
    _Fault(
        "networkx",
        ("networkx/algorithms/tests", "networkx/classes/tests", "networkx/generators/tests"),
        "networkx/generators/classic.py",
        "    G.add_edges_from(pairwise(nodes))",
        "    G.add_edges_from(list(pairwise(nodes))[1:])",
    ),
)


def measure(bench: Bench) -> list[Table]:
    """Plant each fault in a copy of its package, and run its tests in each order."""
    if bench.is_quick:
        return []
    python = bench.required(_PEER)
    return [
        _table(bench, python, number, workers)
        for number in range(len(_FAULTS))
        for workers in ((), ("-n", "2"))
    ]


def _table(bench: Bench, used: Environment, number: int, workers: tuple[str, ...]) -> Table:
    fault = _FAULTS[number]
    folder = _planted(bench.folder / f"fault-{number}-{len(workers)}", used, fault)
    rows: list[dict[str, Cell]] = []
    for change in ("known", "unknown"):
        for name, option in _ORDERS.items():
            found = [
                list(_failures(used, folder, (*_COMMON, option, *workers, *_base(change)), fault))
                for _ in range(bench.size(_ROUNDS, 1))
            ]
            assert all(found), f"the fault in {fault.file} breaks no test"
            rows.append(
                {
                    "change": change,
                    "order": name,
                    "failing tests": len(found[0]),
                    "files": len({each.partition("::")[0] for _, each in found[0]}),
                    **{
                        title: median(one[min(at, len(one)) - 1][0] for one in found)
                        for title, at in (("1st, s", 1), ("5th, s", 5), ("last, s", 10**9))
                    },
                }
            )
    note = (
        "Seconds from the start of the first test to the end of the failing one. The history has"
        " one passing run. An unknown change is one that git does not show, as on a default branch."
    )
    return Table(f"{fault.file}, {' '.join(workers) or 'one process'}", rows, note)


def _base(change: str) -> tuple[str, ...]:
    return () if change == "known" else ("--nexus-base=HEAD",)


def _planted(folder: Path, used: Environment, fault: _Fault) -> Path:
    """Copy the package, record a passing run, and commit the fault on a branch."""
    source = subprocess.run(
        (used.python, "-c", f"import {fault.package} as each; print(each.__path__[0])"),
        capture_output=True, text=True, env=environment(), check=True,
    ).stdout.strip()  # fmt: skip
    copytree(source, folder / fault.package, ignore=ignore_patterns("__pycache__"))
    (folder / "pytest.ini").write_text("[pytest]\npythonpath = .\n", encoding="utf-8")
    (folder / ".gitignore").write_text("__pycache__/\n.pytest_cache/\n.nexus/\n", encoding="utf-8")
    repository = init(folder)
    repository.commit()
    command = (used.python, "-m", "pytest", "--nexus", "-q", "-n", "2", *fault.tests)
    subprocess.run(command, cwd=folder, env=environment(), capture_output=True, check=False)
    repository.git("checkout", "-q", "-b", "change")
    path = folder / fault.file
    text = path.read_text("utf-8")
    assert text.count(fault.good) >= 1, f"{fault.file} has no line to plant the fault in"
    path.write_text(text.replace(fault.good, fault.bad, 1), encoding="utf-8")
    repository.commit()
    return folder


def _failures(
    used: Environment, folder: Path, options: tuple[str, ...], fault: _Fault
) -> Iterator[tuple[float, str]]:
    """Yield the seconds and the node id of each failure, in the order in which they ended."""
    journals = folder / ".nexus/journal"
    rmtree(journals, ignore_errors=True)
    command = (used.python, "-m", "pytest", *options, *fault.tests)
    subprocess.run(command, cwd=folder, env=environment(), capture_output=True, check=False)
    (journal,) = journals.glob("*.jsonl")
    attempts = read_journal(journal).attempts
    start_s = min(each.started_s for each in attempts)
    ends = sorted((each.started_s + each.duration_s - start_s, each) for each in attempts
                  if each.outcome in BAD)  # fmt: skip
    yield from ((end_s, each.nodeid) for end_s, each in ends)
