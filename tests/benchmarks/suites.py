"""Writes the suites, journals and histories that are measured."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history
from pytest_nexus.journal.writer import JournalWriter
from tests.support.builders import attempt, run
from tests.support.repository import init

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pytest_nexus.domain.records import Attempt, Outcome

TESTS_PER_MODULE: Final = 100
FAILURE_RATE: Final = 0.001

_IGNORED: Final = "__pycache__/\n.pytest_cache/\n.nexus/\n.test*\n*.json*\n"
_PER_SKEWED_MODULE: Final = 10
_RESOURCE: Final = """@pytest.fixture(scope="module")
def resource():
    time.sleep({seconds})
"""
_RESOURCE_S: Final = 0.3


def write_suite(folder: Path, n_tests: int) -> Path:
    """Write trivial tests, `TESTS_PER_MODULE` a module, committed to git; return the folder."""
    for start in range(0, n_tests, TESTS_PER_MODULE):
        names = range(start, min(start + TESTS_PER_MODULE, n_tests))
        text = "\n\n".join(f"def test_{number:05}():\n    pass\n" for number in names)
        path = folder / f"tests/test_module_{start // TESTS_PER_MODULE:03}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (folder / ".gitignore").write_text(_IGNORED, encoding="utf-8")
    init(folder).commit()
    return folder


class SkewedSuite(NamedTuple):
    """Short tests, then long ones, all of which sleep.

    Short ones take 20 to 50 ms, ten to a module, and every second module has a fixture of 0.3 s;
    the long ones are collected last.
    """

    n_short: int
    long_s: tuple[float, ...]
    """Seconds of each long test."""

    def least_s(self, n_workers: int) -> float:
        """Return how long any schedule waits at least: an even share, or the longest test."""
        fixtures = sum(_RESOURCE_S for start in self._modules() if _needs_resource(start))
        waited = sum(self._short_s()) + fixtures + sum(self.long_s)
        return max(waited / n_workers, *self.long_s)

    def write(self, folder: Path, *, waits: bool = True) -> Path:
        """Write the suite, committed to git, its sleeps of no length if it is not to wait."""
        scale = 1.0 if waits else 0.0
        seconds = self._short_s()
        for start in self._modules():
            needs = "resource" if _needs_resource(start) else ""
            each = range(start, min(start + _PER_SKEWED_MODULE, self.n_short))
            tests = [_sleeping(number, scale * seconds[number], needs) for number in each]
            resource = _RESOURCE.format(seconds=scale * _RESOURCE_S)
            _write_module(folder / f"tests/test_short_{start:03}.py", [resource, *tests])
        tests = [_sleeping(number, scale * each) for number, each in enumerate(self.long_s)]
        _write_module(folder / "tests/test_z_long.py", tests)
        (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        (folder / ".gitignore").write_text(_IGNORED, encoding="utf-8")
        init(folder).commit()
        return folder

    def _modules(self) -> range:
        return range(0, self.n_short, _PER_SKEWED_MODULE)

    def _short_s(self) -> list[float]:
        random = Random(1)
        return [random.uniform(0.02, 0.05) for _ in range(self.n_short)]


def _needs_resource(start: int) -> bool:
    return start // _PER_SKEWED_MODULE % 2 == 1


def _sleeping(number: int, seconds: float, needs: str = "") -> str:
    return f"def test_{number:03}({needs}):\n    time.sleep({seconds:.3f})\n"


def _write_module(path: Path, parts: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join(["import time\n\nimport pytest\n", *parts]), encoding="utf-8")


def nodeids(n_tests: int) -> list[str]:
    """Return node ids as long as those of real suites, a hundred tests to a module."""
    return [
        f"tests/unit/test_module_{number // TESTS_PER_MODULE:03}.py::TestThing::test_case_{number}"
        for number in range(n_tests)
    ]


def attempts(n_tests: int, seed: int) -> Iterator[Attempt]:
    """Yield one attempt for each test: lognormal durations, one in a thousand fails."""
    random = Random(seed)
    started_s = 0.0
    for nodeid in nodeids(n_tests):
        call_s = random.lognormvariate(-5.0, 1.5)
        outcome: Outcome = "failed" if random.random() < FAILURE_RATE else "passed"
        yield attempt(nodeid, outcome, call_s=call_s, started_s=started_s)
        started_s += call_s + 0.002


def write_journals(folder: Path, n_journals: int, n_tests: int) -> list[Path]:
    """Write the journals of `n_journals` runs of one suite, as the plugin writes them."""
    paths = []
    for number in range(1, n_journals + 1):
        complete = run(number, commit=f"{number:040x}")._replace(started_at=1.7e9 + 3600.0 * number)
        writer = JournalWriter.create(folder, complete)
        writer.collection(n_tests, n_tests)
        for each in attempts(n_tests, seed=number):
            writer.attempt(each)
        writer.end(60.0, 1, complete=True)
        writer.close()
        paths.append(writer.path)
    return paths


def write_history(path: Path, n_tests: int, n_runs: int) -> Path:
    """Write a history of `n_runs` runs of one suite on the default branch; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_history(path) as history:
        for number in range(1, n_runs + 1):
            each = run(number)
            each = each._replace(change=each.change._replace(branch="main"))
            ingest_run(history, each, attempts(n_tests, seed=number))
    return path


def repeat_runs(path: Path, n_own: int, n_runs: int) -> None:
    """Fill a history up with copies of its runs, whose durations differ by up to a tenth.

    To add these runs as sessions do would take longer than what is measured.

    Args:
        path: of the history.
        n_own: number of runs in it.
        n_runs: number of runs that it is to have.
    """
    with closing(sqlite3.connect(path)) as connection, connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(run)")]
        kept = ", ".join(columns[3:])
        for number in range(n_own + 1, n_runs + 1):
            source = (number - 1) % n_own + 1
            connection.execute(
                f"INSERT INTO run SELECT ?, ?, ?, {kept} FROM run WHERE run_id = ?",  # noqa: S608 - names of columns
                (number, f"{number:032x}", float(number), source),
            )
            connection.execute(
                "INSERT INTO attempt SELECT ?, test_id, number, outcomes, setup_us,"
                " call_us * (90 + (test_id * 7 + ?) % 21) / 100, teardown_us, started_us, worker,"
                " failure_id FROM attempt WHERE run_id = ?",
                (number, number * 13, source),
            )
            connection.execute(
                "INSERT INTO failed_test SELECT ?, test_id FROM failed_test WHERE run_id = ?",
                (number, source),
            )
