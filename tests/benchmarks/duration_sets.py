"""Durations of suites to split: recorded ones, and log-normal ones."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from pytest_nexus.backtest.builds import find_folder, projects, read_builds

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE: Final = "NEXUS_BENCH_DATA"
"""Names a folder of parquet files, searched with its sub-folders, for more recorded sets."""

_N_TESTS: Final = 2000
_PER_FILE: Final = 20
_COLUMNS: Final = ["cycle", "test_id", "duration"]


@dataclass(frozen=True, slots=True)
class DurationSet:
    """The tests of one run of a suite."""

    name: str
    nodeids: tuple[str, ...]
    """In collection order."""
    durations_s: tuple[float, ...]
    """All phases."""

    def __iter__(self) -> Iterator[tuple[str, float]]:
        """Yield node id and seconds of each test."""
        return zip(self.nodeids, self.durations_s, strict=True)


def duration_sets() -> Iterator[DurationSet]:
    """Yield the last build of each sample project, log-normal sets, and those of `VARIABLE`."""
    folder = find_folder(None)
    for project in projects(folder) if folder else ():
        *_, last = read_builds(folder, project)
        nodeids = tuple(test.nodeid for test in last.tests)
        yield DurationSet(f"{project}, last build", nodeids, tuple(last.durations))
    for sigma in (1, 2):
        yield _lognormal(sigma)
    if VARIABLE in os.environ:
        yield from _recorded(Path(os.environ[VARIABLE]))


def _lognormal(sigma: int) -> DurationSet:
    random = Random(sigma)
    nodeids = tuple(f"tests/test_{n // _PER_FILE}.py::test_{n}" for n in range(_N_TESTS))
    durations_s = tuple(random.lognormvariate(-3, sigma) for _ in nodeids)
    return DurationSet(f"log-normal, sigma {sigma}", nodeids, durations_s)


def _recorded(folder: Path) -> Iterator[DurationSet]:
    """Yield of each `runs.parquet` the last of the cycles with the most tests; needs pandas."""
    import pandas  # noqa: PLC0415 - asked for by the variable only

    for path in sorted(folder.rglob("runs.parquet")):
        rows = pandas.read_parquet(path, columns=_COLUMNS)
        sizes = rows.groupby("cycle").size()
        largest = rows[rows["cycle"] == sizes[sizes == sizes.max()].index[-1]]
        nodeids = tuple(f"{test}::{n}" for n, test in enumerate(largest["test_id"]))
        durations_s = tuple(float(each) for each in largest["duration"])
        yield DurationSet(path.parent.name, nodeids, durations_s)
