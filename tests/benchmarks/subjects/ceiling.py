"""How far weights of the model's terms can carry, where they are fitted to what judges them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_nexus.predictor.evaluation.baselines import order_by
from pytest_nexus.predictor.evaluation.evaluate import backtest, charged_seconds
from pytest_nexus.predictor.evaluation.metrics import mean, score
from pytest_nexus.predictor.model.document import load
from pytest_nexus.predictor.training.weights import FailedRun, fit_weights

from pytest_nexus.backtest.builds import find_folder, projects
from pytest_nexus.backtest.shipped_model import cases_of, each_unseen
from pytest_nexus.forecast import forecaster
from tests.benchmarks.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.predictor.evaluation.evaluate import Case
    from pytest_nexus.predictor.evaluation.metrics import Score
    from pytest_nexus.predictor.model.model import Model

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Cell

TITLE = "the best that weights can do, fitted with hindsight to the builds that judge them"

_KINDS = {False: "real builds", True: "synthetic mutants"}
_PULL_A_RUN = 0.005
"""Towards 0, and weak: a tenth of what the shipped model is fitted with."""


def measure(bench: Bench) -> list[Table]:
    """Compare, by kind of build, the model that has not seen a project with one that has."""
    folder = find_folder(None)
    if folder is None:
        return []
    names = projects(folder)
    found: dict[str, dict[str, dict[str, Score]]] = {}
    for name, model, _ in each_unseen(folder, names, load(forecaster.prior())):
        builds = cases_of(folder, name)[: bench.size(10**6, 8)]
        for is_mutant, kind in _KINDS.items():
            cases = [case for build, case in builds if build.is_mutant == is_mutant]
            if cases:
                found.setdefault(kind, {})[name] = _orders(model, cases)
    note = (
        "What no project knows beforehand: the weights of the third row were fitted to the very"
        " builds on which they are judged, each project and kind of build apart. A failing test"
        " hangs where it takes more than half of the run: the order is charged with that, even"
        " where it puts this very test first. Charged: a failing test that takes more than a second"
        " and ten times what was expected costs what was expected."
    )
    return [Table(kind, _rows(by_project), note) for kind, by_project in found.items()]


def _orders(model: Model, cases: Sequence[Case]) -> dict[str, Score]:
    runs = [FailedRun(case.rows(), case.failed) for case in cases]
    weights = fit_weights(runs, {}, _PULL_A_RUN * len(runs))
    fitted = replace(model, weights=weights, trees=())
    ending = [case for case in cases if not _hangs(case)]
    return {
        "fitted to the other projects": _mean(model, cases),
        "the same, builds left out in which a failing test hangs": _mean(model, ending),
        "fitted to these builds": _mean(fitted, cases),
        "perfect": mean(_perfect(case) for case in cases),
    }


def _mean(model: Model, cases: list[Case]) -> Score:
    return mean(backtest({"model": [model] * len(cases)}, cases)["model"])


def _hangs(case: Case) -> bool:
    """Tell whether one failing test takes more than half of the run: what no history foretells."""
    failed = zip(case.failed, case.duration_s, strict=True)
    return max(seconds for bad, seconds in failed if bad) > sum(case.duration_s) / 2


def _perfect(case: Case) -> Score:
    """Return the figures of failures first, the shortest of them before the others."""
    charged = charged_seconds(case, case.duration_s)
    found, fair = (_failures_first(case.failed, each) for each in (case.duration_s, charged))
    return replace(found, charged=fair.apfdc, first_charged=fair.first_failure)


def _failures_first(failed: Sequence[bool], seconds: Sequence[float]) -> Score:
    values = [(bad, -s) for bad, s in zip(failed, seconds, strict=True)]
    ranks = {value: rank for rank, value in enumerate(sorted(set(values)))}
    return score(order_by([ranks[value] for value in values]), failed, seconds)


def _rows(by_project: dict[str, dict[str, Score]]) -> list[dict[str, Cell]]:
    rows: list[dict[str, Cell]] = []
    for order in next(iter(by_project.values())):
        scores = {name: each[order] for name, each in by_project.items()}
        row: dict[str, Cell] = {"order": order}
        row |= {f"{name}, APFDc": each.apfdc for name, each in scores.items()}
        whole = mean(scores.values())
        rows.append(
            row
            | {
                "mean APFDc": whole.apfdc,
                "first failure": whole.first_failure,
                "APFDc, charged": whole.charged,
                "first failure, charged": whole.first_charged,
            }
        )
    return rows
