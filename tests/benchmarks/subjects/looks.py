"""A suite's first session: makespans with durations guessed from names, and with equal ones.

Nothing is known of any test. `DurationHints` guesses from names in the code and the fixtures of a
test; the alternative is that all tests take the same.
"""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from random import Random
from statistics import fmean
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.records import Change
from pytest_nexus.forecast import forecaster as forecast
from pytest_nexus.launch.collect_plugin import read_listing
from pytest_nexus.plan.dispatch.simulated_workers import simulate_workers
from pytest_nexus.plan.dispatch.units import make_workload
from pytest_nexus.plan.make import make_plan
from pytest_nexus.plan.sharding.split import split
from tests.benchmarks.peers import PYTEST_MOCK
from tests.benchmarks.processes import measured
from tests.benchmarks.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.domain.records import CollectedTest
    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Cell

    Makespans = dict[str, float]
    """Longest shard or worker over the lower bound, by how the suite is carried out."""

TITLE = "first session of pytest-mock's suite, durations guessed from names"

_NUMBERS: Final = (2, 4, 8)
_PEER: Final = Path(__file__).parents[1] / "looks_peer.py"


def measure(bench: Bench) -> list[Table]:
    """Run the suite once, and divide random halves of it with each expectation."""
    tests, seconds = _suite(bench)
    pairs = [_both(tests, seconds, seed) for seed in range(bench.size(20, 2))]
    rows: list[dict[str, Cell]] = []
    for name in pairs[0][0]:
        guessed, equal = (fmean(each[at][name] for each in pairs) for at in (0, 1))
        rows.append(
            {
                "carried out by": name,
                "guessed": f"{guessed:.3f}",
                "equal": f"{equal:.3f}",
                "change": f"{100 * (guessed / equal - 1):+.1f} %",
            }
        )
    n_guessed = sum(test.duration_factor != 1.0 for test in tests)
    note = (
        f"{len(tests)} tests, {sum(seconds):,.1f} s; {n_guessed} have names that tell. Mean over"
        f" {len(pairs)} random halves of the tests: seconds of the longest shard or worker over"
        " max(longest test, total / N). Workers are simulated, with the seconds that were measured."
    )
    return [Table("first session, no history", rows, note)]


def _suite(bench: Bench) -> tuple[list[CollectedTest], list[float]]:
    """Return the tests of the suite, from its source distribution, and their seconds."""
    python = bench.required("pytest-mock").python
    download = (python, "-m", "pip", "download", "--no-deps", "--no-binary=:all:", PYTEST_MOCK)
    measured(download, bench.folder)
    (archive,) = bench.folder.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(bench.folder, filter="data")
    folder = bench.folder / archive.name.removesuffix(".tar.gz")
    output = bench.folder / "tests.json"
    some = ("-k", "stub") if bench.is_quick else ()
    measured((python, _PEER, output, "-q", "-p", "no:cacheprovider", "tests", *some), folder)
    document = json.loads(output.read_text(encoding="utf-8"))
    return read_listing(json.dumps(document["tests"])), document["seconds"]


def _both(
    tests: Sequence[CollectedTest], seconds: Sequence[float], seed: int
) -> tuple[Makespans, Makespans]:
    """Return the makespans of a random half, with guessed durations and with equal ones."""
    half = sorted(Random(seed).sample(range(len(tests)), len(tests) // 2))
    guessed = [tests[index] for index in half]
    equal = [test._replace(duration_factor=1.0) for test in guessed]
    true_s = [seconds[index] for index in half]
    return _makespans(guessed, true_s), _makespans(equal, true_s)


def _makespans(tests: Sequence[CollectedTest], true_s: Sequence[float]) -> Makespans:
    plan = make_plan(tests, {}, Change(), forecaster=forecast.load())
    forecasts = [planned.forecast for planned in plan.tests]
    expected_s = [each.duration_s for each in forecasts]
    work = make_workload(tests, plan.order, expected_s, plan.setups)
    shards, workers = {}, {}
    for n in _NUMBERS:
        bound_s = max(*true_s, sum(true_s) / n)
        loads_s = [0.0] * n
        for shard, each_s in zip(split(tests, forecasts, plan.setups, n), true_s, strict=True):
            loads_s[shard - 1] += each_s
        shards[f"{n} shards"] = max(loads_s) / bound_s
        workers[f"{n} workers"] = simulate_workers(work, n, true_s).makespan_s / bound_s
    return shards | workers
