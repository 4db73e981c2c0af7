"""What the predictor costs on the runner and in training."""

from __future__ import annotations

import json
import sys
from random import Random
from statistics import median, quantiles
from typing import TYPE_CHECKING

from pytest_nexus.predictor.features.rows import columns, rows
from pytest_nexus.predictor.features.text import bag
from pytest_nexus.predictor.model.document import load
from pytest_nexus.predictor.model.model import Model
from pytest_nexus.predictor.schema import FileChange, Moment, TestAtMoment, TestCode
from pytest_nexus.predictor.training.distillation import grow

from pytest_nexus.domain.records import Change, ChangedFile, Run
from pytest_nexus.domain.system.gc_pause import paused_gc
from pytest_nexus.forecast import forecaster
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history
from tests.benchmarks.peers import ROOT
from tests.benchmarks.processes import measured
from tests.benchmarks.sampling import cost
from tests.benchmarks.table import Table, within
from tests.support.builders import attempt, known

if TYPE_CHECKING:
    from pytest_nexus.predictor.features.rows import Row

    from pytest_nexus.domain.records import Attempt
    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Cell

TITLE = "prediction: features, scores, training"

_WORDS = [
    f"{first}_{second}"
    for first in ["load", "save", "find", "make", "sort", "drop"]
    for second in ["item", "user", "page", "file", "row", "key"]
]


def measure(bench: Bench) -> list[Table]:
    """Time the features of a large suite, the scores of three sizes, and one training."""
    return [_features(bench), _scores(bench), _training(bench)]


def moment_of(n_tests: int, n_files: int) -> Moment:
    """Return a suite of invented tests in front of a change; 1 test in 100 failed lately."""
    random = Random(1)
    tests, code = [], {}
    for at in range(n_tests):
        path = f"tests/pkg{at // 500}/test_{_WORDS[at // 50 % len(_WORDS)]}_{at // 50}.py"
        name = f"test_{random.choice(_WORDS)}_{at}"
        nodeid = f"{path}::{name}"
        failed = {"failures": 1, "rate_8": 0.1, "runs_since_failure": 3} if at % 100 == 0 else {}
        stats = known(nodeid, runs=random.randint(1, 50), **failed)
        tests.append(TestAtMoment(nodeid, nodeid, path, stats, random.random()))
        names = dict(code[path].names) if path in code else {}
        names[name] = bag({random.choice(_WORDS): 2 for _ in range(6)})
        code[path] = TestCode(("pkg.module:thing",), names)
    files = [
        FileChange(
            f"src/pkg/{_WORDS[at % 36]}_{at}.py", 9, {random.choice(_WORDS): 3, f"only_{at}": 1}
        )
        for at in range(n_files)
    ]
    return Moment(tests, files, code)


def _features(bench: Bench) -> Table:
    n_tests, n_files = bench.size(50_000, 500), bench.size(200, 5)
    moment = moment_of(n_tests, n_files)
    with paused_gc():  # as where a session plans
        costs = [cost(lambda: columns(moment)) for _ in range(bench.size(5, 1))]
    seconds = median(each.cpu_s for each in costs)
    table: list[dict[str, Cell]] = [
        {
            "tests": n_tests,
            "changed files": n_files,
            "cpu s": seconds,
            "budget": within(seconds, 1.0, "s"),
        }
    ]
    note = "In plain Python, all texts at hand; to read them takes a second at most, see `impact/`."
    return Table("Features of a session", table, note)


def _scores(bench: Bench) -> Table:
    moment = moment_of(bench.size(100_000, 1000), 20)
    every = columns(moment)
    models = models_on(rows(moment, only=range(bench.size(5000, 500))))
    table: list[dict[str, Cell]] = []
    for name, model in models.items():
        for n in (1000, 10_000, 100_000):
            kept = [column[:n] for column in every]
            samples = [cost(lambda: model.scores_of(kept)).cpu_s for _ in range(bench.size(31, 3))]  # noqa: B023
            p99 = quantiles(samples, n=100, method="inclusive")[98]
            table.append(
                {
                    "model": name,
                    "tests": len(kept[0]),
                    "p50 cpu ms": median(samples) * 1000,
                    "p99 cpu ms": p99 * 1000,
                    "budget": within(median(samples) * 1000, n / 1000, "ms"),
                }
            )
    return Table("Scores", table, f"The shipped model has {len(forecaster.prior()):,} bytes.")


def models_on(seen: list[Row]) -> dict[str, Model]:
    """Return the shipped model, and the same with trees of the usual size grown on some rows."""
    prior = load(forecaster.prior())
    trees, _ = grow(seen, [Random(at).random() < 0.1 for at in range(len(seen))])
    return {"shipped": prior, "with trees": Model(prior.weights, trees, 0.5)}


def _training(bench: Bench) -> Table:
    """Measure `nexus train` in a process of its own, the replay of the history included."""
    n_tests = bench.size(1000, 40)
    table: list[dict[str, Cell]] = []
    for n_runs in (bench.size(100, 60), bench.size(1000, 0), bench.size(3000, 0)):
        if not n_runs:
            continue
        path = bench.folder / f"{n_runs}.sqlite3"
        with open_history(path) as history:
            for number in range(n_runs):
                ingest_run(history, _run(number), _attempts(number, n_tests))
        command = [sys.executable, "-m", "pytest_nexus.cli.main", "train", "--json"]
        found = measured([*command, "--history", path], ROOT)
        trained = json.loads(found.output)
        with open_history(path) as history:
            (made,) = history.models.versions()
        metrics = json.loads(made.metrics)
        table.append(
            {
                "attempts": n_runs * n_tests,
                "failing runs": trained["failing_runs"],
                "wall s": found.wall_s,
                "peak MiB": metrics["peak_memory_mib"],
                "budget": within(found.wall_s, 60 * n_runs * n_tests / 1e6, "s")
                if n_runs == 1000
                else "",
            }
        )
    return Table("Training", table, "`nexus train`, start to end; its last 200 failing runs teach.")


def _run(number: int) -> Run:
    files = tuple(
        ChangedFile(f"src/pkg/{Random(number * 7 + at).choice(_WORDS)}.py", "M") for at in range(4)
    )
    change = Change(commit=f"{number:040x}", files=files)
    return Run(f"{number:032x}", 1.7e9 + 3600 * number, change, duration_s=60.0, complete=True)


def _attempts(number: int, n_tests: int) -> list[Attempt]:
    """Return a run in which, every other time, some tests near a changed file fail."""
    random = Random(number)
    bad = set(random.sample(range(n_tests), 5)) if number % 2 else set()
    return [
        attempt(
            f"tests/test_{_WORDS[at % 36]}.py::test_{at}",
            "failed" if at in bad else "passed",
            call_s=0.001 * (1 + at % 50),
            started_s=0.01 * at,
        )
        for at in range(n_tests)
    ]
