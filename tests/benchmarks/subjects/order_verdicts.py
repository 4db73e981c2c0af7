"""How well order-dependent is told from flaky, on simulated runs: no process is started.

The generator. A suite has 20, 60 or 200 tests in files of about 15. Four of them are flaky, and
fail each attempt with 2 to 80 %; or four depend on one other test each, which is in the same file
more often than not. The first run has the order of the collection. Later ones have the files
shuffled, and what failed lately first. A failed test is repeated behind all others, on another
worker where there are several. If it fails again, it is tried in a fresh process in the order of
the collection; if it passes, three times alone. Nothing is kept in order, so that all runs tell.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.order_dependence.judge import Trial, judge
from pytest_nexus.plan.order_dependence.order_rule import CERTAIN, MIN_FAILURES
from tests.benchmarks.table import Table

if TYPE_CHECKING:
    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Cell

TITLE = "verdicts on simulated order-dependent and flaky tests"

LOOKED_AT: Final = (3, 10, 30)
RATES: Final = (0.02, 0.05, 0.1, 0.2, 0.5, 0.8)
WORKERS: Final = (1, 3)
_PLANTED: Final = 4


@dataclass(slots=True)
class Simulated:
    """One suite; tests are numbered in the order of the collection."""

    rng: Random
    n_tests: int
    dependent: dict[int, tuple[str, int]] = field(default_factory=dict)
    """Kind and other test."""
    flaky: dict[int, float] = field(default_factory=dict)
    """Rate."""
    trials: dict[int, list[Trial]] = field(default_factory=dict)
    last_failed: dict[int, int] = field(default_factory=dict)

    @property
    def n_files(self) -> int:
        return max(2, self.n_tests // 15)

    def file_of(self, test: int) -> int:
        return test * self.n_files // self.n_tests

    def fails(self, test: int, before: int) -> bool:
        if test in self.dependent:
            kind, other = self.dependent[test]
            return bool(before >> other & 1) == (kind == "victim")
        return self.rng.random() < self.flaky.get(test, 0.0)

    def run(self, number: int, n_workers: int) -> None:
        """Run the suite once."""
        files = list(range(self.n_files))
        if number:
            self.rng.shuffle(files)
        place = {test: (files[self.file_of(test)], test) for test in range(self.n_tests)}
        late = {test: (-1, -at) for test, at in self.last_failed.items()}
        ran = [0] * n_workers
        failed = []
        for turn, test in enumerate(sorted(place, key=lambda one: late.get(one, place[one]))):
            worker = turn % n_workers
            if self._attempt(test, ran, worker):
                self.last_failed[test] = number
                failed.append((test, (worker + 1) % n_workers))
        for test, worker in failed:
            if self._attempt(test, ran, worker):
                bad = test not in self.dependent and self.fails(test, 0)
                self.trials[test].append(Trial(bad, 0, is_fresh=True))
            elif number:
                self.trials[test] += [Trial(self.fails(test, 0), 0) for _ in range(3)]

    def _attempt(self, test: int, ran: list[int], worker: int) -> bool:
        bad = self.fails(test, ran[worker])
        if test in self.dependent or test in self.flaky:
            self.trials.setdefault(test, []).append(Trial(bad, ran[worker] & ~(1 << test)))
        ran[worker] |= 1 << test
        return bad

    def named(self) -> set[int]:
        """Return the tests that count as order-dependent."""
        found = set()
        for test, trials in self.trials.items():
            others = ((1 << self.n_tests) - 1) & ~(1 << test)
            file = self.file_of(test)
            near = sum(1 << one for one in range(self.n_tests) if self.file_of(one) == file)
            judged = judge(trials, others, near & others)
            if judged and judged.posterior >= CERTAIN and judged.n_failed >= MIN_FAILURES:
                found.add(test)
        return found


def measure(bench: Bench) -> list[Table]:
    """Simulate suites with flaky tests, and others with order-dependent ones."""
    n_suites, n_runs = bench.size(200, 5), bench.size(30, 10)
    rows = [_row(n_workers, n_suites, n_runs) for n_workers in WORKERS]
    note = (
        f"{n_suites} suites of each sort. False alarms are over all flaky tests; named are those of"
        " the dependent ones that had failed in two runs by then."
    )
    return [Table(f"{_PLANTED} planted tests a suite, {n_runs} runs", rows, note)]


def _row(n_workers: int, n_suites: int, n_runs: int) -> dict[str, Cell]:
    row: dict[str, Cell] = {"processes": n_workers}
    flaky = [_with_flaky(seed) for seed in range(n_suites)]
    dependent = [_with_dependent(seed) for seed in range(n_suites)]
    ever: set[tuple[int, int]] = set()
    runs_failed: dict[tuple[int, int], int] = {}
    for number in range(n_runs):
        for suite in (*flaky, *dependent):
            suite.run(number, n_workers)
        for place, suite in enumerate(dependent):
            for test, at in suite.last_failed.items():
                runs_failed[place, test] = runs_failed.get((place, test), 0) + (at == number)
        alarms = [(place, test) for place, suite in enumerate(flaky) for test in suite.named()]
        ever.update(alarms)
        if number + 1 in LOOKED_AT:
            twice = {each for each, count in runs_failed.items() if count > 1}
            named = {(place, t) for place, suite in enumerate(dependent) for t in suite.named()}
            row[f"false alarms, run {number + 1}"] = len(alarms)
            row[f"named, run {number + 1}"] = f"{len(named & twice)} of {len(twice)}"
    row["false alarms, ever"] = f"{len(ever)} of {n_suites * _PLANTED}"
    return row


def _with_flaky(seed: int) -> Simulated:
    rng = Random(seed)
    n_tests = rng.choice([20, 60, 200])
    chosen = rng.sample(range(n_tests), _PLANTED)
    return Simulated(rng, n_tests, flaky={test: rng.choice(RATES) for test in chosen})


def _with_dependent(seed: int) -> Simulated:
    rng = Random(seed)
    n_tests = rng.choice([20, 60, 200])
    dependent = {}
    for test in rng.sample(range(2, n_tests - 2), _PLANTED):
        is_near = rng.random() < 0.6
        if rng.random() < 0.5:
            lowest = max(0, test - 5) if is_near else 0
            dependent[test] = ("brittle", rng.randrange(lowest, test))
        else:
            highest = min(n_tests, test + 6) if is_near else n_tests
            dependent[test] = ("victim", rng.randrange(test + 1, highest))
    return Simulated(rng, n_tests, dependent=dependent)
