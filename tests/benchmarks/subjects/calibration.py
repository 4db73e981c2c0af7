"""Whether forecasts are probabilities: of a model fitted to other projects, and of an own one."""

from __future__ import annotations

import os
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_nexus.predictor.model.calibration import calibrated
from pytest_nexus.predictor.schema import NAMES
from pytest_nexus.predictor.training.champion import _labelled, candidates

from pytest_nexus.backtest.builds import projects, read_builds, read_texts
from pytest_nexus.backtest.shipped_model import each_unseen, replayed_builds
from pytest_nexus.backtest.walk_forward import MAX_CASES
from pytest_nexus.forecast.stored_models import shipped
from tests.benchmarks.peers import ROOT
from tests.benchmarks.subjects.ci_histories import replayed_cases
from tests.benchmarks.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_nexus.predictor.evaluation.evaluate import Case
    from pytest_nexus.predictor.model.model import Model

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Cell

TITLE = "forecasts and failures, of unseen projects and of later runs"

_EDGES: Final = (0.0, 0.01, 0.05, 0.2, 0.5, 1.0)
_SINCE: Final = NAMES.index("since_failure")
_OWN: Final = "own weights and trees, thrift 0"
_STEP: Final = 40
"""Number of failing runs after which the own model is fitted again."""

Pairs = list[tuple[float, bool]]
"""Forecasts with outcomes."""


def measure(bench: Bench) -> list[Table]:
    """Compare forecasts and failures; CI_HISTORIES names a folder as in `ci_histories`."""
    del bench
    return [_of_projects(ROOT / "sample_history"), *_of_histories()]


def _of_projects(folder: Path) -> Table:
    rows: list[dict[str, Cell]] = []
    for name, model, _ in each_unseen(folder, projects(folder), shipped()):
        builds, texts = list(read_builds(folder, name)), read_texts(folder, name)
        for lasting in (False, True):
            cases = (case for build, case in replayed_builds(builds, texts, lasting=lasting)
                     if not build.is_mutant)  # fmt: skip
            title = {"project": name, "failures": "last" if lasting else "are repaired at once"}
            rows += [title | row for row in _bins(_recently_failed(model, cases))]
    note = (
        "Each project is judged by a model that was fitted and calibrated without it. Only tests"
        " that failed in one of the last two runs."
    )
    return Table("projects that the model has not seen", rows, note)


def _recently_failed(model: Model, cases: Iterable[Case]) -> Pairs:
    return [
        (p, bad)
        for case in cases
        for row, p, bad in zip(case.rows(), _forecasts(model, case), case.failed, strict=True)
        if row[_SINCE] <= 1
    ]


def _forecasts(model: Model, case: Case) -> list[float]:
    return [model.probability(score) for score in model.scores(case.rows())]


def _of_histories() -> Iterator[Table]:
    folder = os.environ.get("CI_HISTORIES")
    if folder and find_spec("pyarrow"):
        for name in ("druid", "iofrol"):
            yield _of_history(Path(folder) / name)


def _of_history(folder: Path) -> Table:
    cases, prior = replayed_cases(folder), shipped()
    found: dict[str, Pairs] = {"own model": [], "shipped model": []}
    for start in range(_STEP, len(cases), _STEP):
        past = cases[max(0, start - MAX_CASES) : start]
        own = calibrated(candidates(past, prior, 0)[_OWN][0], _labelled(past, ()))
        for case in cases[start : start + _STEP]:
            for name, model in (("own model", own), ("shipped model", prior)):
                found[name] += zip(_forecasts(model, case), case.failed, strict=True)
    rows = [{"model": name} | row for name, pairs in found.items() for row in _bins(pairs)]
    note = (
        f"Failing runs only. The own model is fitted and calibrated every {_STEP} failing runs, and"
        " judged on those that follow."
    )
    return Table(folder.name, rows, note)


def _bins(pairs: Pairs) -> Iterator[dict[str, Cell]]:
    for low, high in pairwise(_EDGES):
        inside = [(p, bad) for p, bad in pairs if low <= p < high]
        if inside:
            yield {
                "forecasts": f"{low:g} to {high:g}",
                "mean forecast": sum(p for p, _ in inside) / len(inside),
                "failed": sum(bad for _, bad in inside) / len(inside),
                "tests": len(inside),
            }
