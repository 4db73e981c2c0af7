"""What it costs to keep the forecasts of a run, and to collect the facts of a dashboard."""

from __future__ import annotations

from random import Random
from statistics import median
from typing import TYPE_CHECKING, Final

from pytest_nexus.predictor.schema import NAMES

from pytest_nexus.history.ingest import ingest_journal
from pytest_nexus.history.store import open_history
from pytest_nexus.journal.forecast_lines import forecast_lines
from pytest_nexus.journal.writer import JournalWriter
from pytest_nexus.plan.foreseen import Foreseen, Prediction
from pytest_nexus.report.facts.collect_facts import collect_facts
from tests.benchmarks.sampling import Cost, cost, take_turns
from tests.benchmarks.suites import attempts, write_history
from tests.benchmarks.table import Table, within
from tests.support.builders import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Cell

TITLE = "figures about predictions, and the facts of a dashboard"

MAX_FACTS_S: Final = 3.0
_WITHOUT: Final = "without forecasts"
_WITH: Final = "with forecasts"


def measure(bench: Bench) -> list[Table]:
    """Take journals in with and without forecasts, then collect the facts of a long history."""
    return [_ingest(bench), _facts(bench)]


def _ingest(bench: Bench) -> Table:
    n_tests, rounds = bench.size(10_000, 200), bench.size(7, 1)
    number = iter(range(1, 4 * rounds + 8))
    sizes: dict[str, int] = {}

    def take_in(name: str) -> Cost:
        path = _journal(
            bench.folder / "journal", next(number), n_tests, has_forecasts=name == _WITH
        )
        sizes[name] = path.stat().st_size

        def ingest() -> None:
            with open_history(bench.folder / "ingest.sqlite3") as history:
                assert ingest_journal(history, path).new

        return cost(ingest)

    variants = {name: lambda name=name: take_in(name) for name in (_WITHOUT, _WITH)}  # type: ignore[misc] # of its own
    take_turns(variants, 1)
    costs = take_turns(variants, rounds)
    rows: list[dict[str, Cell]] = [
        {
            "journal": f"{n_tests:,} tests, {name}",
            "bytes per test": sizes[name] / n_tests,
            "us per test": 1e6 * median(each.cpu_s for each in costs[name]) / n_tests,
        }
        for name in variants
    ]
    note = "Processor time to take one journal in, in the median; every run has failures."
    return Table("Ingest", rows, note, costs)


def _journal(folder: Path, uid: int, n_tests: int, *, has_forecasts: bool) -> Path:
    random = Random(uid)
    ran = list(attempts(n_tests, seed=uid))
    writer = JournalWriter.create(folder, run(uid, 1.7e9 + uid))
    writer.collection(n_tests, n_tests)
    if has_forecasts:
        tests = [
            Foreseen(each.key, random.random() / 10, each.duration_s)
            for each in ran
            if each.number == 1
        ]
        features = dict.fromkeys(NAMES, (0, *(200,) * 10))
        writer.plan(forecast_lines(Prediction("shipped", tests, features)))
    for each in ran:
        writer.attempt(each)
    writer.end(60.0, 1, complete=True)
    writer.close()
    return writer.path


def _facts(bench: Bench) -> Table:
    n_tests, n_runs = bench.size(10_000, 100), bench.size(500, 5)
    path = write_history(bench.folder / "facts.sqlite3", n_tests, n_runs)

    def collect() -> None:
        with open_history(path) as history:
            collect_facts(history, runs=n_runs)

    costs = [cost(collect) for _ in range(bench.size(3, 1))]
    seconds = median(each.cpu_s for each in costs)
    rows: list[dict[str, Cell]] = [
        {
            "history": f"{n_tests:,} tests, {n_runs:,} runs",
            "cpu s": seconds,
            "budget": within(seconds, MAX_FACTS_S, "s"),
        }
    ]
    return Table("Facts", rows, "Opening the file included.", {"facts": costs})
