"""Time and memory of the plan for a large suite."""

from __future__ import annotations

import gc
import json
import sys
import tracemalloc
from random import Random
from statistics import median
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.system.gc_pause import paused_gc
from pytest_nexus.domain.system.memory import peak_mib
from pytest_nexus.plan.make import make_plan
from pytest_nexus.plan.sharding.divide import divide_plan
from tests.benchmarks.peers import ROOT
from tests.benchmarks.processes import measured
from tests.benchmarks.sampling import cost
from tests.benchmarks.table import Table, within
from tests.support.builders import by_key, changed, collected, known
from tests.support.suites import by_failure_rate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_nexus.domain.records import Change, CollectedTest, TestKey, TestStats
    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Cell

    _Figures = dict[str, float]

TITLE = "plan of a large suite: seconds and memory"

MAX_SECONDS: Final = 1.0
MAX_MIB: Final = 200.0
_TESTS_PER_MODULE: Final = 10
_SHARDS: Final = (1, 4, 20)


def measure(bench: Bench) -> list[Table]:
    """Plan in processes of their own: some for the time, one with every allocation traced."""
    n_tests, rounds = bench.size(50_000, 500), bench.size(5, 1)
    samples = {
        n_shards: (
            [_child(n_tests, n_shards, "time") for _ in range(rounds)],
            _child(n_tests, n_shards, "memory"),
        )
        for n_shards in _SHARDS
    }
    rows = [_row(n_tests, n_shards, *each) for n_shards, each in samples.items()]
    note = (
        "One test in two is in a block, one in a hundred has failed before, 20 files changed."
        " Memory is what the plan needs beside the collection and the history."
    )
    kept = {f"{n} shards": [*timed, traced] for n, (timed, traced) in samples.items()}
    return [Table("Plan", rows, note, kept)]


def _row(
    n_tests: int, n_shards: int, timed: Sequence[_Figures], traced: _Figures
) -> Mapping[str, Cell]:
    cpu_s = median(each["cpu_s"] for each in timed)
    resident_mib = median(each["resident_mib"] for each in timed)
    return {
        "shards": n_shards,
        "tests": n_tests,
        "modules": n_tests // _TESTS_PER_MODULE,
        "cpu s": cpu_s,
        "wall s": median(each["wall_s"] for each in timed),
        "resident MiB more": resident_mib,
        "allocated MiB at most": traced["traced_mib"],
        "budget": "; ".join(
            (
                within(cpu_s, MAX_SECONDS, "s"),
                within(max(resident_mib, traced["traced_mib"]), MAX_MIB, "MiB"),
            )
        ),
    }


def _child(n_tests: int, n_shards: int, what: str) -> _Figures:
    code = f"from {__name__} import child; child({n_tests}, {n_shards}, {what!r})"
    answer: _Figures = json.loads(measured((sys.executable, "-c", code), ROOT).output)
    return answer


def child(n_tests: int, n_shards: int, what: str) -> None:
    """Plan once and print the figures; called in a process of its own."""
    tests, stats, change = _inputs(n_tests)

    def planned() -> None:
        with paused_gc():  # as every session plans
            plan = make_plan(tests, stats, change, forecaster=by_failure_rate)
            if n_shards > 1:
                divide_plan(plan, plan.setups, n_shards)

    gc.collect()
    if what == "memory":
        tracemalloc.start()
        planned()
        print(json.dumps({"traced_mib": tracemalloc.get_traced_memory()[1] / 2**20}))
        return
    before = peak_mib() or 0.0
    own = cost(planned)
    resident_mib = (peak_mib() or 0.0) - before
    print(json.dumps({"cpu_s": own.cpu_s, "wall_s": own.wall_s, "resident_mib": resident_mib}))


def _inputs(n_tests: int) -> tuple[list[CollectedTest], Mapping[TestKey, TestStats], Change]:
    random = Random(1)
    tests, stats = [], []
    for number in range(n_tests):
        module = number // _TESTS_PER_MODULE
        path = f"tests/area_{module % 50}/test_module_{module}.py"
        scopes = (f"module:{path}",) if module % 2 else ()
        test = collected(f"{path}::TestThing::test_case_{number}", scopes)
        failed = random.random() < 0.01
        tests.append(test)
        stats.append(
            known(
                test.key,
                runs=random.randrange(1, 50),
                failures=int(failed),
                rate_8=0.1 * failed,
                setup_s=random.lognormvariate(-7, 1),
                call_s=random.lognormvariate(-5, 1.5),
            )
        )
    return tests, by_key(*stats), changed(*(f"src/area_{n}/module_{n}.py" for n in range(20)))
