"""What learning within a run costs: for each finished test, and for each failure that teaches."""

from __future__ import annotations

from collections import Counter
from functools import partial
from random import Random
from statistics import median
from time import process_time
from typing import TYPE_CHECKING, Final

from pytest_nexus.predictor.schema import TestCode

from pytest_nexus.domain.records import Change, Forecast
from pytest_nexus.forecast.snapshot import words_of
from pytest_nexus.plan.known_tests import StatsIndex
from pytest_nexus.plan.make import make_plan
from pytest_nexus.plan.within_run.learner import Lessons, Strengths
from pytest_nexus.plan.within_run.moves import live_plan
from tests.benchmarks.table import Table, within
from tests.support.builders import by_key, collected, known

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_nexus.domain.records import CollectedTest
    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Cell

TITLE = "learning within a run: processor time of an outcome"

MAX_US_A_TEST: Final = 20.0
MAX_MS_A_FAILURE: Final = 50.0
"""For 10,000 tests."""
_PARAMETERS: Final = 3
_TESTS_PER_FILE: Final = 30
_WORDS: Final = 25
_VOCABULARY: Final = 8_000
_FAILURES: Final = 20


def measure(bench: Bench) -> list[Table]:
    """Run suites of two sizes in place: every test passes but twenty."""
    rows = [_row(n, bench.size(5, 1)) for n in (bench.size(10_000, 300), bench.size(50_000, 600))]
    note = (
        f"{_PARAMETERS} parameters for each function, {_WORDS} words for each, drawn from"
        f" {_VOCABULARY:,} by Zipf's law; {_FAILURES} failures. The first failure also reads and"
        " counts the words of all functions. A pass includes taking the next test. Medians."
    )
    return [Table("Outcomes", rows, note)]


def _row(n_tests: int, rounds: int) -> dict[str, Cell]:
    found = [_round(n_tests) for _ in range(rounds)]
    a_test, first, later, planned = (median(column) for column in zip(*found, strict=True))
    budget = within(a_test, MAX_US_A_TEST, "us")
    if n_tests <= 10_000:
        budget += "; " + within(max(first, later), MAX_MS_A_FAILURE, "ms")
    return {
        "tests": n_tests,
        "a finished test, us": a_test,
        "the first failure, ms": first,
        "a later failure, ms": later,
        "made before the run, ms": planned,
        "budget": budget,
    }


def _round(n_tests: int) -> tuple[float, float, float, float]:
    random = Random(7)
    tests = [
        collected(f"t/{at // _TESTS_PER_FILE}.py::test_{at // _PARAMETERS}[{at % _PARAMETERS}]")
        for at in range(n_tests)
    ]
    stats = by_key(*(known(test.key, runs_since_failure=None) for test in tests))
    plan = make_plan(tests, stats, Change(), forecaster=lambda found, *_: _forecasts(found))
    lessons = Lessons(Strengths(8.0, 0.5), partial(words_of, _code(tests, random)))
    started_s = process_time()
    live = live_plan(plan, plan.order, StatsIndex(stats, {}), lessons)
    assert live is not None
    fresh = live.fresh()
    planned_s = process_time() - started_s
    failing = set(random.sample(range(n_tests), _FAILURES))
    failures, passes_s, n_passes = [], 0.0, 0
    while len(fresh):
        started_s = process_time()
        index = fresh.take()
        fresh.learn(index, has_failed=index in failing)
        spent_s = process_time() - started_s
        if index in failing:
            failures.append(spent_s)
        else:
            passes_s, n_passes = passes_s + spent_s, n_passes + 1
    return passes_s / n_passes * 1e6, failures[0] * 1e3, median(failures[1:]) * 1e3, planned_s * 1e3


def _code(tests: Iterable[CollectedTest], random: Random) -> dict[str, TestCode]:
    """Return the code of the test files as a session has it after it was compared with a change."""
    names: dict[str, dict[str, Counter[str]]] = {}
    for test in tests:
        of_file = names.setdefault(test.path, {})
        name = test.function_key.partition("::")[2]
        if name not in of_file:
            drawn = (f"w{int(_VOCABULARY ** random.random())}" for _ in range(_WORDS))
            of_file[name] = Counter(drawn)
    return {path: TestCode(names=of_file) for path, of_file in names.items()}


def _forecasts(tests: Sequence[object]) -> list[Forecast]:
    random = Random(5)
    return [Forecast(0.1, 0.1, gain=random.random() ** 4, thrift=0.2) for _ in tests]
