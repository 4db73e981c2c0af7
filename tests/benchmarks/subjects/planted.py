"""Seconds to the 1st, 5th and last failure of real suites with planted faults."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from hashlib import sha256
from shutil import copytree, ignore_patterns, rmtree
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_nexus.domain.records import BAD
from pytest_nexus.journal.reader import read_journal
from tests.benchmarks.peers import FOLDER
from tests.benchmarks.planted_part import Kept, bounded_part
from tests.benchmarks.processes import environment
from tests.benchmarks.table import Table
from tests.support.repository import init

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_nexus.domain.records import Attempt
    from tests.benchmarks.bench import Bench
    from tests.benchmarks.peers import Environment
    from tests.benchmarks.table import Cell

TITLE = "failures of real suites with planted faults: planned order, and learning within the run"

_PEER: Final = "nexus-suites"
_PACKAGE: Final = "networkx"
_SUITE: Final = tuple(
    f"networkx/{folder}/tests" for folder in ("algorithms", "classes", "generators")
)
_ORDERS: Final = {
    "as collected": "--nexus-order=off",
    "as planned": "--nexus-order=static",
    "learning within the run": "--nexus-order=risk",
}
_CHANGES: Final = {"known": (), "unknown": ("--nexus-base=HEAD",)}
_WORKERS: Final = {"one process": (), "-n 2": ("-n", "2")}
_COMMON: Final = ("--nexus", "--nexus-reruns=0", "--no-nexus-ingest", "-q", "--tb=no")
_BUDGET_S: Final = 840.0
"""Seconds of one call; the next call measures what is missing."""


class _Fault(NamedTuple):
    file: str
    good: str
    bad: str


_FAULTS: Final = (
    _Fault(
        "networkx/algorithms/shortest_paths/weighted.py",
        "data.get(weight, 1)",
        "data.get(weight, 2)",
    ),
    _Fault(
        "networkx/classes/graph.py",
        "        return int(self.size())",
        "        return int(self.size()) + 1",
    ),
    _Fault(
        "networkx/generators/classic.py",
        "    G.add_edges_from(pairwise(nodes))",
        "    G.add_edges_from(list(pairwise(nodes))[1:])",
    ),
)


def measure(bench: Bench) -> list[Table]:
    """Plant each fault in a copy of its package, and run a part of its tests in each order.

    A first session with the fault runs the whole suite in the order of collection, and
    `bounded_part` chooses the part by it. A call ends after 14 minutes. It leaves what was measured
    in `.bench/planted`, and the next call with the same environment goes on from there.
    """
    if bench.is_quick:
        return []
    used = bench.required(_PEER)
    ready = sha256((FOLDER / _PEER / ".ready").read_bytes()).hexdigest()[:12]
    folder = FOLDER / "planted" / ready
    folder.mkdir(parents=True, exist_ok=True)
    trial = _Trial(used, folder, Kept.read(folder / "kept.json"), monotonic() + _BUDGET_S)
    trial.run()
    return trial.tables()


@dataclass(frozen=True, slots=True)
class _Trial:
    used: Environment
    folder: Path
    kept: Kept
    until_s: float
    """When the sessions of this call have to end, by the monotonic clock."""

    def run(self) -> None:
        """Measure what is missing, until the time is over."""
        for at, fault in enumerate(_FAULTS):
            for key in (f"{at} part", *(row for row in _keys() if row.startswith(f"{at},"))):
                if key in self.kept.values:
                    continue
                try:
                    found = self._part(at, fault) if key == f"{at} part" else self._row(at, key)
                except subprocess.TimeoutExpired:
                    return
                self.kept.keep(key, found)

    def _part(self, at: int, fault: _Fault) -> dict[str, Any]:
        """Copy the package, plant the fault, choose a part, and record a passing run of it."""
        folder = self.folder / f"fault-{at}"
        rmtree(folder, ignore_errors=True)
        code = f"import {_PACKAGE} as each; print(each.__path__[0])"
        source = self._call(self.folder, "-c", code).strip()
        copytree(source, folder / _PACKAGE, ignore=ignore_patterns("__pycache__"))
        (folder / "pytest.ini").write_text("[pytest]\npythonpath = .\n", encoding="utf-8")
        ignored = "__pycache__/\n.pytest_cache/\n.nexus/\n"
        (folder / ".gitignore").write_text(ignored, encoding="utf-8")
        repository = init(folder)
        repository.commit()
        repository.git("checkout", "-q", "-b", "change")
        path = folder / fault.file
        text = path.read_text("utf-8")
        assert text.count(fault.good) >= 1, f"{fault.file} has no line to plant the fault in"
        path.write_text(text.replace(fault.good, fault.bad, 1), encoding="utf-8")
        repository.commit()
        whole = self._session(folder, ("--nexus-order=off", "-n", "2", *_SUITE))
        whole.sort(key=lambda each: each.nodeid)
        seconds = {each.nodeid: each.duration_s for each in whole}
        failed = [each.nodeid for each in whole if each.outcome in BAD]
        assert failed, f"the fault in {fault.file} breaks no test"
        files = bounded_part(seconds, failed)
        rmtree(folder / ".nexus")  # a journal here would tell the history which tests fail
        repository.git("checkout", "-q", "HEAD^")
        self._call(folder, "-m", "pytest", "--nexus", "-q", "-n", "2", *files)
        repository.git("checkout", "-q", "change")
        return {"files": files, "failing tests": len(failed), "tests": len(whole)}

    def _row(self, at: int, key: str) -> list[list[Any]]:
        """Return seconds and node id of each failure of a session, in the order of their ends."""
        _, workers, change, order = key.split(", ")
        options = (_ORDERS[order], *_WORKERS[workers], *_CHANGES[change])
        files = self.kept.values[f"{at} part"]["files"]
        attempts = self._session(self.folder / f"fault-{at}", (*options, *files))
        start_s = min(each.started_s for each in attempts)
        return sorted(
            [each.started_s + each.duration_s - start_s, each.nodeid]
            for each in attempts
            if each.outcome in BAD
        )

    def _session(self, folder: Path, arguments: Sequence[str]) -> Sequence[Attempt]:
        journals = folder / ".nexus/journal"
        rmtree(journals, ignore_errors=True)
        self._call(folder, "-m", "pytest", *_COMMON, *arguments)
        (journal,) = journals.glob("*.jsonl")
        return list(read_journal(journal).attempts)

    def _call(self, folder: Path, *arguments: str) -> str:
        """Return what a call of Python prints.

        Raises:
            subprocess.TimeoutExpired: the time is over.
        """
        command = (self.used.python, *arguments)
        left_s = self.until_s - monotonic()
        if left_s <= 0:
            raise subprocess.TimeoutExpired(command, left_s)
        return subprocess.run(
            command, cwd=folder, env=environment(), capture_output=True, text=True,
            check=False, timeout=left_s,
        ).stdout  # fmt: skip

    def tables(self) -> list[Table]:
        """Return a table for each fault and kind of session, of what was measured so far."""
        values = self.kept.values
        missing = sum(key not in values for key in _keys())
        rest = f" {missing} sessions are missing; the same call goes on." if missing else ""
        found = []
        for at, fault in enumerate(_FAULTS):
            part = values.get(f"{at} part")
            for workers in _WORKERS:
                keys = [key for key in _keys() if key.startswith(f"{at}, {workers},")]
                rows = [_cells(key, values[key]) for key in keys if values.get(key)]
                if part is not None and rows:
                    note = (
                        f"{part['failing tests']} of {part['tests']} tests of the suite fail; a"
                        f" part of {len(part['files'])} files runs. Seconds from the start of the"
                        " first test to the end of the failing one. The history has one passing"
                        " run. An unknown change is one that git does not show, as on a default"
                        f" branch.{rest}"
                    )
                    found.append(Table(f"{fault.file}, {workers}", rows, note))
        return found


def _keys() -> list[str]:
    return [
        f"{at}, {workers}, {change}, {order}"
        for at in range(len(_FAULTS))
        for workers in _WORKERS
        for change in _CHANGES
        for order in _ORDERS
    ]


def _cells(key: str, failures: Sequence[tuple[float, str]]) -> dict[str, Cell]:
    _, _, change, order = key.split(", ")
    return {
        "change": change,
        "order": order,
        "failing tests": len(failures),
        "files": len({nodeid.partition("::")[0] for _, nodeid in failures}),
        **{
            title: failures[min(at, len(failures)) - 1][0]
            for title, at in (("1st, s", 1), ("5th, s", 5), ("last, s", len(failures)))
        },
    }
