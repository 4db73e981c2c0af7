"""What a selection would gain, and miss, if failures that last did not always run."""

from __future__ import annotations

import os
from collections import Counter, defaultdict, deque
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_nexus.backtest.builds import FOLDER, projects, read_builds
from pytest_nexus.domain.mass_failure import is_mass_failure
from tests.benchmarks.subjects.ci_histories import cycles_of, last_of_each
from tests.benchmarks.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Cell

TITLE = "selection: tests that failed last, by how often they failed before"

_RUNS: Final = 10
"""Executions of a test that count as its past."""
_LEAST: Final = 3
"""Executions without which nothing is said to last."""

Ran = tuple[str, bool, float]
"""A test of a run: its key, whether it failed, its seconds."""


def measure(bench: Bench) -> list[Table]:
    """Count on the recorded projects, without mutants, and on the CI histories of others."""
    names = projects(Path(FOLDER))[: bench.size(100, 1)]
    rows = [_row(name, _recorded(name)) for name in names]
    others = os.environ.get("CI_HISTORIES")
    if others and find_spec("pyarrow") is not None:
        wanted = os.environ.get("CI_HISTORIES_ONLY", "")
        found = sorted(path.parent for path in Path(others).glob("*/runs.parquet"))
        kept = [each for each in found if not wanted or each.name in wanted.split(",")]
        rows += [_row(folder.name, _cycles(folder)) for folder in kept]
    note = (
        "Time: of the passing runs, in per cent. Lasts: the test failed last, and in most of its"
        f" last {_RUNS} executions, at least {_LEAST}. Only these: failing runs in which every"
        " failing test failed last, or lasts; mass failures apart. These histories hold no"
        " signatures, so a test that fails for another reason also counts as lasting."
    )
    return [Table("Failures that last", rows, note)]


def _recorded(name: str) -> Iterator[Sequence[Ran]]:
    for build in read_builds(Path(FOLDER), name):
        if not build.is_mutant:
            keys = [test.key for test in build.tests]
            yield list(zip(keys, build.failed, build.durations, strict=True))


def _cycles(folder: Path) -> Iterator[Sequence[Ran]]:
    for _, every, _ in cycles_of(folder):
        yield [(one.test.key, one.failed, one.duration_s) for one in last_of_each(every)]


def _row(name: str, runs: Iterable[Sequence[Ran]]) -> dict[str, Cell]:
    past: defaultdict[str, deque[bool]] = defaultdict(lambda: deque(maxlen=_RUNS))
    time: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for tests in runs:
        bad = [key for key, has_failed, _ in tests if has_failed]
        if not bad:
            counts["passing"] += 1
            for key, _, seconds in tests:
                time.update(dict.fromkeys(_kinds(past[key]), seconds))
        elif not is_mass_failure(len(bad), len(tests)):
            counts["failing"] += 1
            counts.update(set.intersection(*(_kinds(past[key]) for key in bad)))
        for key, has_failed, _ in tests:
            past[key].append(has_failed)
    whole, failing = time["any"] or 1.0, counts["failing"] or 1
    return {
        "history": name,
        "passing runs": counts["passing"],
        "new: time": round(100 * time["new"] / whole, 1),
        "failed last: time": round(100 * time["failed last"] / whole, 1),
        "lasts: time": round(100 * time["lasts"] / whole, 1),
        "failing runs": counts["failing"],
        "only failed last": round(100 * counts["failed last"] / failing, 1),
        "only lasting": round(100 * counts["lasts"] / failing, 1),
    }


def _kinds(past: Sequence[bool]) -> set[str]:
    """Return the kinds that a test belongs to by its past executions."""
    kinds = {"any"}
    if not past:
        kinds.add("new")
    elif past[-1]:
        kinds.add("failed last")
        if len(past) >= _LEAST and sum(past) > len(past) / 2:
            kinds.add("lasts")
    return kinds
