"""What the predictor costs on the runner and in training."""

from __future__ import annotations

import sys
from array import array
from random import Random
from statistics import median, quantiles
from time import perf_counter
from typing import TYPE_CHECKING

from pytest_nexus.predictor.evaluate import Case
from pytest_nexus.predictor.features import rows
from pytest_nexus.predictor.model import Model
from pytest_nexus.predictor.persist import load
from pytest_nexus.predictor.schema import FileChange, Moment, TestAtMoment, TestCode
from pytest_nexus.predictor.teacher import grow
from pytest_nexus.predictor.train import Lessons, train
from pytest_nexus.predictor.words import bag

from pytest_nexus import forecast
from tests.benchmarks.table import Table, within
from tests.support.builders import known

if TYPE_CHECKING:
    from pytest_nexus.predictor.features import Row

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


def _moment(n_tests: int, n_files: int) -> Moment:
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
    moment = _moment(n_tests, n_files)
    seconds = _seconds(lambda: rows(moment), bench.size(5, 1))
    cell = within(seconds, 1.0)
    table: list[dict[str, Cell]] = [{"tests": n_tests, "changed files": n_files, "s": cell}]
    return Table(
        "Features", table, "In plain Python, all texts at hand; reading them is apart, and bounded."
    )


def _scores(bench: Bench) -> Table:
    prior = load(forecast.prior())
    every = rows(_moment(bench.size(100_000, 1000), 20))
    trees, _ = grow(every[:5000], [Random(at).random() < 0.1 for at in range(len(every[:5000]))])
    models = {"shipped": prior, "with trees": Model(prior.weights, trees, 0.5)}
    table: list[dict[str, Cell]] = []
    for name, model in models.items():
        for n in (1000, 10_000, 100_000):
            kept = every[:n]
            samples = [_once(model, kept) for _ in range(bench.size(21, 3))]
            p99 = quantiles(samples, n=100, method="inclusive")[98]
            budget_ms = 10.0 * n / 10_000
            table.append(
                {
                    "model": name,
                    "rows": len(kept),
                    "p50 ms": within(median(samples) * 1000, budget_ms),
                    "p99 ms": p99 * 1000,
                }
            )
    return Table("Scores", table, f"Size of the shipped model: {len(forecast.prior())} bytes.")


def _training(bench: Bench) -> Table:
    n_runs, n_tests = bench.size(200, 15), bench.size(1000, 40)
    every = [tuple(row) for row in rows(_moment(n_tests, 20))]
    cases = []
    for number in range(n_runs):
        random = Random(number)
        failed = tuple(random.random() < 0.005 or at == number for at in range(n_tests))
        values = array("d", (value for row in every for value in row))
        cases.append(Case(str(number), values, failed, failed, (1.0,) * n_tests, (1.0,) * n_tests))
    prior = load(forecast.prior())
    seconds = _seconds(lambda: train(Lessons(cases), prior, prior), 1)
    memory = sys.getsizeof(cases[0].matrix) * n_runs / 2**20
    row: dict[str, Cell] = {
        "failing runs": n_runs,
        "tests": n_tests,
        "s": seconds,
        "rows MiB": memory,
    }
    return Table(
        "Training",
        [row],
        "Candidates fitted three times, chosen and proved; the replay of the history is apart.",
    )


def _once(model: Model, kept: list[Row]) -> float:
    start = perf_counter()
    model.scores(kept)
    return perf_counter() - start


def _seconds(work, rounds: int) -> float:
    samples = []
    for _ in range(rounds):
        start = perf_counter()
        work()
        samples.append(perf_counter() - start)
    return median(samples)
