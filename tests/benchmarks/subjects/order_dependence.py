"""Red builds, verdicts and seconds on suites in which some tests depend on the order, really run.

The generator. A suite has modules of ten tests; each imports a source file of its own. One test in
fifty depends on one of another module, half of them on a state-setter before them, half on a
polluter behind them: in the order of the collection all pass. Two more tests are flaky, and fail in
each attempt with 10 %. Each run changes one source file, the same one in every variant, which
brings its module to the front. So a failure of a dependent test is one of our order alone.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from pytest_nexus.history.store import read_history
from tests.benchmarks.processes import RunFailedError, measured
from tests.benchmarks.table import Table, within
from tests.support.repository import init

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Cell
    from tests.support.repository import Repository

TITLE = "red builds and verdicts on suites with order-dependent tests"

PER_MODULE = 10
SHARE = 0.02
FLAKE_RATE = 0.1
LOOKED_AT = (3, 10, 30)
_VARIANTS = {"plain": (), "-n 2": ("-n", "2")}


@dataclass(slots=True)
class Suite:
    """A suite on disk, and what is true of it."""

    repository: Repository
    n_modules: int
    dependent: dict[str, str]
    """The other test by the dependent one; node ids."""
    flaky: set[str]
    red: list[bool] = field(default_factory=list)
    """By run: whether a dependent test failed it."""
    seconds: list[float] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)
    """Dependent tests that failed an attempt so far."""
    named: dict[int, tuple[set[str], set[str]]] = field(default_factory=dict)
    """By number of runs: the tests called order-dependent, and the dependent ones that failed."""


def measure(bench: Bench) -> list[Table]:
    """Run the suites with and without the treatment of order-dependent tests."""
    n_tests, n_runs = bench.size(300, 100), bench.size(30, 4)
    n_suites = bench.size(3, 1)
    return [_table(bench, name, n_tests, n_runs, n_suites) for name in _VARIANTS]


def _table(bench: Bench, variant: str, n_tests: int, n_runs: int, n_suites: int) -> Table:
    rows: list[dict[str, Cell]] = []
    for treatment in ("off", "repair"):
        suites = [
            _write(bench.folder / f"{variant}-{treatment}-{seed}".replace(" ", ""), n_tests, seed)
            for seed in range(n_suites)
        ]
        for suite in suites:
            for number in range(n_runs):
                _run(bench, suite, number, treatment, _VARIANTS[variant])
        rows.append(_row(treatment, suites, n_runs))
    note = (
        f"{n_suites} suites, {n_runs} runs each, of which the first has no history. Recall is over"
        " the dependent tests that had failed an attempt by then; precision over those named."
    )
    return Table(f"{n_tests} tests, {SHARE:.0%} of them dependent, {variant}", rows, note)


def _row(treatment: str, suites: list[Suite], n_runs: int) -> dict[str, Cell]:
    n_red = sum(sum(suite.red) for suite in suites)
    row: dict[str, Cell] = {
        "order dependence": treatment,
        "runs": n_runs * len(suites),
        "red by our order": n_red,
        "seconds a run": sum(map(sum, (suite.seconds for suite in suites))) / n_runs / len(suites),
    }
    for looked_at in LOOKED_AT:
        if looked_at > n_runs or treatment == "off":
            continue
        named = [(suite, *suite.named[looked_at]) for suite in suites]
        right = sum(len(found & set(suite.dependent)) for suite, found, _ in named)
        n_named, n_failed = (sum(len(each[place]) for each in named) for place in (1, 2))
        row[f"right of named, run {looked_at}"] = f"{right}/{n_named}"
        row[f"named of failed, run {looked_at}"] = f"{right}/{n_failed}"
    if treatment == "repair":
        row["budget"] = within(n_red, 0, "red builds")
    return row


def _write(folder: Path, n_tests: int, seed: int) -> Suite:
    rng = Random(seed)
    n_modules = n_tests // PER_MODULE
    bodies = {(m, t): "pass" for m in range(n_modules) for t in range(PER_MODULE)}
    free = [(m, t) for m, t in bodies if 2 <= m < n_modules - 2]
    rng.shuffle(free)
    dependent: dict[str, str] = {}
    for place in range(int(n_tests * SHARE)):
        ours = free.pop()
        if place % 2:
            other = (rng.randrange(ours[0]), rng.randrange(PER_MODULE))
            needs, gives = f"assert {place} in state.SEEN", f"state.SEEN.add({place})"
        else:
            other = (rng.randrange(ours[0] + 1, n_modules), rng.randrange(PER_MODULE))
            needs, gives = f"assert {place} not in state.SEEN", f"state.SEEN.add({place})"
        bodies[ours] = needs if bodies[ours] == "pass" else f"{bodies[ours]}; {needs}"
        bodies[other] = gives if bodies[other] == "pass" else f"{gives}; {bodies[other]}"
        dependent[_nodeid(ours)] = _nodeid(other)
    flaky = [free.pop() for _ in range(2)]
    for one in flaky:
        bodies[one] = f"assert random.random() >= {FLAKE_RATE}"
    repository = init(folder)
    for m in range(n_modules):
        tests = [f"def test_{t}():\n    {bodies[m, t]}\n" for t in range(PER_MODULE)]
        text = "\n\n".join([f"import random\n\nimport source_{m:02}\nimport state\n", *tests])
        repository.write(f"tests/test_{m:02}.py", text)
        repository.write(f"source_{m:02}.py", "x = 0\n")
    repository.write("state.py", "SEEN = set()\n")
    repository.write("pytest.ini", "[pytest]\npythonpath = .\n")
    repository.write(".gitignore", "__pycache__/\n.pytest_cache/\n.nexus/\n")
    repository.commit()
    return Suite(repository, n_modules, dependent, {_nodeid(one) for one in flaky})


def _nodeid(place: tuple[int, int]) -> str:
    return f"tests/test_{place[0]:02}.py::test_{place[1]}"


def _run(bench: Bench, suite: Suite, number: int, treatment: str, workers: tuple[str, ...]) -> None:
    if number:
        name = f"source_{Random(number).randrange(suite.n_modules):02}.py"
        suite.repository.write(name, f"x = {number}\n")
        suite.repository.commit()
    python = str(bench.required("nexus").python)
    options = ("-q", "--nexus", f"--nexus-order-dependence={treatment}", *workers)
    command = (python, "-m", "pytest", *options)
    with suppress(RunFailedError):  # a red build is one of the results
        measured(command, suite.repository.root)
    _note(suite, number)


def _note(suite: Suite, number: int) -> None:
    history = read_history(suite.repository.root / ".nexus/history.sqlite3")
    assert history is not None
    with history:
        (summary,) = history.runs(1)
        attempts = list(history.attempts(summary.run.run_uid))
        rules = history.order_rules.read()
    last: dict[str, str] = {}
    for one in sorted(attempts, key=lambda each: each.number):
        last[one.key] = one.outcome
        if one.key in suite.dependent and one.outcome == "failed":
            suite.failed.add(one.key)
    bad = {key for key, outcome in last.items() if outcome == "failed"}
    suite.red.append(bool(bad & suite.dependent.keys()))
    suite.seconds.append(summary.run.duration_s or 0.0)
    named = {str(key) for key, rule in rules.items() if rule.is_certain}
    suite.named[number + 1] = (named, set(suite.failed))
