"""The promise of a selection, chosen on past runs and realised on later ones, beside simple orders.

CI histories of others are measured too, if CI_HISTORIES names their folder; see `ci_histories`.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from math import inf, log1p
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_nexus.predictor.schema import NAMES

from pytest_nexus.backtest.builds import FOLDER, projects, read_builds, read_texts
from pytest_nexus.backtest.shipped_model import each_unseen, replayed_builds
from pytest_nexus.backtest.walk_forward import deployed_over_time
from pytest_nexus.domain.mass_failure import is_mass_failure
from pytest_nexus.forecast.stored_models import shipped
from pytest_nexus.history.state.fold import RunFacts
from pytest_nexus.plan.selection.gaps import gaps
from pytest_nexus.plan.selection.promise import n_needed
from pytest_nexus.training.point_in_time import PointInTimeReplay
from pytest_nexus.training.selection.curve import EXPLORED, point, realised
from pytest_nexus.training.selection.scored_runs import (
    Named,
    always_runs,
    foreseen,
    probabilities_of,
)
from tests.benchmarks.subjects.ci_histories import cycles_of, last_of_each
from tests.benchmarks.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_nexus.predictor.evaluation.evaluate import Case
    from pytest_nexus.predictor.features.rows import Row
    from pytest_nexus.predictor.model.model import Model

    from pytest_nexus.plan.selection.shares import Share
    from pytest_nexus.training.selection.curve import Point, Realised
    from pytest_nexus.training.selection.scored_runs import Foreseen
    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Cell

TITLE = "selection: the share of failing runs that was promised, and the one that was realised"

CONFIDENCES: Final = (0.90, 0.95, 0.98, 0.99)
GOAL: Final = (0.98, 0.95, 0.15)
"""Failing builds and failing tests that are caught, and time of passing builds, as a goal."""

_MAX_PASSING: Final = 150
_FAR: Final = 5.0
_AT: Final = {name: at for at, name in enumerate(NAMES)}


class Past(NamedTuple):
    """One run of a history, with what was known before it."""

    case: Case
    failed: tuple[bool, ...]
    weight: float
    """Number of runs that it represents."""


def measure(bench: Bench) -> list[Table]:
    """Realise the promise on the recorded projects, and on the CI histories of others."""
    tables = [] if os.environ.get("CI_HISTORIES_ONLY") else _of_recorded(bench)
    others = os.environ.get("CI_HISTORIES")
    if others and find_spec("pyarrow") is not None:
        wanted = os.environ.get("CI_HISTORIES_ONLY", "")
        found = sorted(path.parent for path in Path(others).glob("*/runs.parquet"))
        kept = [each for each in found if not wanted or each.name in wanted.split(",")]
        tables += [_table(each.name, list(cycles(each)), shipped()) for each in kept]
    return tables


def _of_recorded(bench: Bench) -> list[Table]:
    """Return a table of each recorded project, and one of all of them together."""
    folder, tables = Path(FOLDER), []
    together: dict[tuple[float, str], list[Realised]] = {}
    for name, prior, _ in each_unseen(folder, projects(folder), shipped()):
        tables.append(
            _table(f"{name}, real builds", list(recorded_builds(folder, name)), prior, together)
        )
        if bench.is_quick:
            return tables
    rows = [_row(title, point(each, confidence)) for (confidence, title), each in together.items()]
    note = "Each cut is chosen on the earlier runs of its own project; the runs are pooled."
    return [*tables, Table("all recorded projects together", rows, note)]


def recorded_builds(folder: Path, name: str) -> Iterator[Past]:
    """Yield the real builds of a project; a mutant is no run that a team sees."""
    builds = list(read_builds(folder, name))
    for build, case in replayed_builds(builds, read_texts(folder, name)):
        if not build.is_mutant and not is_mass_failure(sum(case.failed), len(case.failed)):
            yield Past(case, case.failed, 1.0)


def cycles(folder: Path) -> Iterator[Past]:
    """Yield the failing cycles of a history, and a sample of the others."""
    quiet = [
        number
        for number, (_, every, _) in enumerate(cycles_of(folder))
        if not any(each.failed for each in last_of_each(every))
    ]
    drawn = set(Random(1).sample(quiet, min(_MAX_PASSING, len(quiet))))
    weight = len(quiet) / max(1, len(drawn))
    past = PointInTimeReplay()
    for number, (name, every, files) in enumerate(cycles_of(folder)):
        lived = last_of_each(every)
        n_failed = sum(each.failed for each in lived)
        is_mass = is_mass_failure(n_failed, len(lived))
        if (n_failed and not is_mass) or number in drawn:
            case = past.case(name, lived, files, {})
            yield Past(case, case.failed, 1.0 if n_failed else weight)
        facts = RunFacts(float(number), b"", teaches_flakes=not is_mass, has_outcomes=True)
        past.add(lived, facts, files)


def _table(
    name: str,
    runs: Sequence[Past],
    prior: Model,
    together: dict[tuple[float, str], list[Realised]] | None = None,
) -> Table:
    """Return the table of a history; what was realised is added to `together`."""
    models = deployed_models(runs, prior)
    rows: list[dict[str, Cell]] = []
    ways = _ways(models)
    every: dict[str, list[Foreseen]] = {title: [] for title in ways}
    for at, run in enumerate(runs):
        known = run.case.rows()  # for all orders: it takes longer than most of them
        for title, way in ways.items():
            every[title].append(_foreseen(at, run, known, way))
    for confidence in CONFIDENCES:
        for title, each in every.items():
            found = realised(each, confidence)
            rows.append(_row(title, point(found, confidence)))
            if together is not None:
                together.setdefault((confidence, title), []).extend(found)
    rows.append(_by_imports(runs))
    n_failing = sum(any(run.failed) for run in runs)
    note = (
        f"{n_failing} failing and {len(runs) - n_failing} passing runs. Each cut is chosen on"
        " earlier runs and applied to the next; each run is scored by the model that regular"
        " trainings would have deployed before it. In brackets: 95 % intervals. Each order gets"
        " the same promise by the same method. Tests that always run are the same for all: new"
        " ones, those in changed files, those that failed last, and 1 % of the others. New: failing"
        " runs of which no failing test runs in any case; the promise is about all failing runs."
        " No run says what its tests use, so affected,confidence is not replayed."
    )
    return Table(name, rows, note)


def deployed_models(runs: Sequence[Past], prior: Model) -> list[Model]:
    """Return the model that is deployed before each run."""
    failing = [run.case for run in runs if any(run.failed)]
    deployed = deployed_over_time(failing, prior).models
    found, n_before = [], 0
    for run in runs:
        found.append(deployed[min(n_before, len(deployed) - 1)] if deployed else prior)
        n_before += any(run.failed)
    return found


def _ways(models: Sequence[Model]) -> dict[str, Any]:
    """Return how each order finds the gap of a test."""

    def by(value: Callable[[Row], float]) -> Any:
        return lambda _, rows: [value(row) for row in rows]

    def at_random(number: int, rows: Sequence[Row]) -> list[float]:
        random = Random(number)
        return [random.random() for _ in rows]

    return {
        "nexus": lambda number, rows: gaps(probabilities_of(models[number], rows)),
        "random": at_random,
        "last failed": by(lambda row: log1p(row[_AT["since_failure"]])),
        "failure rate": by(lambda row: 1.0 - row[_AT["rate_32"]]),
        "similarity": by(lambda row: 1.0 - row[_AT["similarity"]]),
    }


def _foreseen(at: int, run: Past, rows: Sequence[Row], way: Any) -> Foreseen:
    always = list(map(always_runs, rows))
    name = Named(run.case.name, float(at))
    return foreseen(name, way(at, rows), always, run.failed, run.case.duration_s, run.weight)


def _by_imports(runs: Sequence[Past]) -> dict[str, Cell]:
    """Return what a selection by imports would do: it has no promise, and no cut to choose."""

    def gap(row: Row) -> float:
        return 0.0 if row[_AT["import_distance"]] < _FAR else inf

    def known(run: Past) -> bool:
        return any(value >= 0 for value in run.case.matrix[_AT["import_distance"] :: len(NAMES)])

    if not any(known(run) for run in runs):
        return {"promised": "none", "order": "import graph: no code is known"}
    each = [
        _foreseen(at, run, run.case.rows(), lambda _, rows: [gap(row) for row in rows])
        for at, run in enumerate(runs)
    ]
    failing = [run for run in each if run.failed]
    whole = sum(run.weight * run.total_s for run in each if not run.failed)
    ran = sum(run.weight * run.seconds_run(0.0) for run in each if not run.failed)
    return {
        "promised": "none",
        "order": "direct imports of whole files",
        "failing runs": len(failing),
        "caught": f"{sum(run.n_caught(0.0) > 0 for run in failing) / len(failing):.1%}",
        "tests caught": f"{_tests_caught(failing):.1%}",
        "saved passing": f"{(1 - EXPLORED) * (1 - ran / whole):.1%}" if whole else None,
    }


def _tests_caught(failing: Sequence[Foreseen]) -> float:
    return sum(run.n_caught(0.0) for run in failing) / sum(len(run.failed) for run in failing)


def _row(title: str, found: Point) -> dict[str, Cell]:
    row: dict[str, Cell] = {
        "promised": f"{found.confidence:.0%}",
        "order": title,
        "failing runs": found.n_failing_runs,
    }
    if not found.n_failing_runs:
        needed = f"{n_needed(found.confidence)} before it, {found.n_too_little} in all"
        return {**row, "caught": f"too little: needs {needed}"}
    row |= {
        "caught": _share(found.caught),
        "new caught": _share(found.new_caught),
        "tests caught": _share(found.tests_caught),
        "before the rest": _share(found.tests_first),
        "saved": _share(found.saved),
        "saved passing": _share(found.saved_passing),
    }
    if title == "nexus":
        row["budget"] = _verdict(found)
    return row


def _verdict(found: Point) -> str:
    """Say whether the promise was kept; for the confidence of the goal, whether the goal was."""
    if not found.is_kept:
        return "misses: the promise"
    runs, tests, time = GOAL
    if found.confidence != runs:
        return "meets: the promise"
    shares = found.caught, found.tests_caught, found.saved_passing
    if not all(shares):
        return "meets: the promise"
    wrong = [
        name
        for name, share, bound in (
            ("failing builds", shares[0], runs),
            ("failing tests", shares[1], tests),
            ("time of passing builds", shares[2], 1 - time),
        )
        if share is not None and share.share < bound
    ]
    return f"misses: the goal, {', '.join(wrong)}" if wrong else "meets: promise and goal"


def _share(share: Share | None) -> str | None:
    if share is None:
        return None
    return f"{share.share:.1%} ({share.low:.1%} to {share.high:.1%})"
