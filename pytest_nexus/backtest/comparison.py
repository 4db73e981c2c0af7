"""Compare the deployed model with simple orders, on runs that the model did not see."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.backtest.builds import projects, read_builds
from pytest_nexus.backtest.durations import judged, of_history, of_recorded
from pytest_nexus.backtest.recorded_executions import TRACKED
from pytest_nexus.backtest.shipped_model import cases_of, each_unseen, with_executions
from pytest_nexus.backtest.walk_forward import deployed_over_time
from pytest_nexus.domain.wording import counted
from pytest_nexus.errors import HistoryError
from pytest_nexus.forecast.stored_models import shipped, usable
from pytest_nexus.predictor.evaluation.bootstrap import improvement
from pytest_nexus.predictor.evaluation.evaluate import (
    backtest,
    forgotten,
    knows,
    only,
    scores_of,
    untouched,
)
from pytest_nexus.predictor.evaluation.metrics import (
    average_precision,
    brier,
    calibration,
    mean,
)
from pytest_nexus.predictor.schema import OF_EXECUTIONS
from pytest_nexus.training.dataset import lessons_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pytest_nexus.domain.records import CollectedTest
    from pytest_nexus.history.store import History
    from pytest_nexus.predictor.evaluation.evaluate import Case
    from pytest_nexus.predictor.evaluation.metrics import Score
    from pytest_nexus.predictor.model.model import Model

SHARES: Final = ("5%", "10%", "20%", "50%")
"""Shares of the seconds of a run, for the columns `in_5%` and `runs_5%`."""
_RECALL: Final = tuple(f"in_{share}" for share in SHARES)
_CAUGHT: Final = tuple(f"runs_{share}" for share in SHARES)
COLUMNS: Final = (
    "order", "apfdc", "charged", "apfd", "first_failure", "first_charged", *_RECALL, *_CAUGHT
)  # fmt: skip
DURATION_COLUMNS: Final = (
    "durations", "error_ms", "relative", "within_25%", "of_the_sum", "tests"
)  # fmt: skip

_SHIPPED: Final = "shipped model"
_STATIC: Final = "nexus, order as planned"
_BLIND: Final = "nexus, without executions"
_STATIC_BLIND: Final = "as planned, without executions"

_ABOUT_DURATIONS: Final = (
    "Medians over tests; relative and within 25%: of tests of 1 ms or more;",
    "of the sum: of the seconds of a run.",
    "nexus expects the median of the last seven runs of each test.",
)

_ABOUT_BLOCKS: Final = (
    "Tests that share fixtures move together in the rows of nexus, as in a session.",
    "Each order pays for a shared set-up when it comes to it, and again when it comes back.",
)


def tables_of_history(
    history: History, suite: Mapping[str, CollectedTest], root: Path | None = None
) -> dict[str, Any]:
    """Return the tables of a history by title: `orders` or `durations`, and `notes`.

    Args:
        history: a history with a failing run.
        suite: see `lessons_of`.
        root: see `lessons_of`.

    Raises:
        HistoryError: no run of the history failed.
    """
    champion = history.models.champion()
    lessons = lessons_of(history, suite, root)
    model = shipped() if champion is None else usable(champion)
    if not lessons.cases:
        path = str(history.path)
        raise HistoryError("NX910", f"History {path!r} has no failed run to evaluate")
    models = {"nexus": model, _STATIC: _static(model)}
    if champion is not None:
        models[_SHIPPED] = shipped()
    found = _tables(
        "the shipped model" if champion is None else f"model {champion.version}",
        lessons.cases,
        {name: [each] * len(lessons.cases) for name, each in models.items()},
        {"all failures": _all, "novel failures": _novel},
    )
    if any(case.blocks is not None and case.blocks.has_setups for case in lessons.cases):
        for table in found.values():
            table["notes"] += _ABOUT_BLOCKS
    if champion is not None:
        for table in found.values():
            table["notes"].append("The model has learned from these runs; `nexus train` judged it"
                                  " on runs it had not seen.")  # fmt: skip
    durations = judged(of_history(history))
    if durations:
        found["durations, each run foreseen from those before it"] = _about(durations)
    return found


def _about(durations: list[dict[str, Any]]) -> dict[str, Any]:
    return {"durations": durations, "notes": list(_ABOUT_DURATIONS)}


def tables_of_recorded(folder: Path) -> dict[str, Any]:
    """Return the tables of recorded builds; each project is judged by a model fitted without it."""
    found: dict[str, Any] = {}
    unseen: dict[str, Model] = {}
    for name, model, is_anew in each_unseen(folder, projects(folder), shipped()):
        unseen[name] = model
        builds = cases_of(folder, name)
        cases = [case for _, case in builds]
        is_real = [not build.is_mutant for build, _ in builds]
        deployed, n_deployed, n_back, _ = deployed_over_time(cases, model, is_real)
        kinds = {
            "real builds": lambda at, case, real=is_real: _all(at, case) if real[at] else None,
            "real builds, tests that the change left alone": lambda at, case, real=is_real: (
                only(case, untouched(case)) if real[at] else None
            ),
            "real builds, novel failures": lambda at, case, real=is_real: (
                _novel(at, case) if real[at] else None
            ),
            "synthetic mutants": lambda at, case, real=is_real: None if real[at] else case,
        }
        models = {
            "nexus": [model] * len(cases),
            _STATIC: [_static(model)] * len(cases),
            "nexus, trained on its past": deployed,
        }
        tables = _tables(name, cases, models, kinds)
        said = "fitted again without this project" if is_anew else "as shipped"
        for table in tables.values():
            table["notes"].append(f"model {said}; {n_deployed} trainings deployed another,"
                                  f" {n_back} were taken back")  # fmt: skip
        found |= tables
        durations = judged(of_recorded(read_builds(folder, name)))
        found[f"{name}, durations of the real builds"] = _about(durations)
    for name in projects(folder / TRACKED):
        model = with_executions(unseen.get(name, shipped()), folder / TRACKED, without=name)
        cases = [case for _, case in cases_of(folder / TRACKED, name)]
        models = {"nexus": [model] * len(cases), _STATIC: [_static(model)] * len(cases)}
        found |= _tables(f"{name}, tracked", cases, models, {"synthetic mutants": _all})
    return found


def _static(model: Model) -> Model:
    """Return a model under which no outcome moves a test."""
    return replace(model, failure_boost=0.0, pass_doubt=0.0)


def _all(at: int, case: Case) -> Case:
    del at
    return case


def _novel(at: int, case: Case) -> Case | None:
    del at
    return only(case, case.novel)


def _tables(
    name: str,
    cases: Sequence[Case],
    models: Mapping[str, Sequence[Model]],
    kinds: Mapping[str, Callable[[int, Case], Case | None]],
) -> dict[str, Any]:
    """Return a table by title, for each kind of failure in the data."""
    found = {}
    for kind, wanted in kinds.items():
        kept = [(at, each) for at, case in enumerate(cases) if (each := wanted(at, case))]
        if kept:
            chosen = {title: [each[at] for at, _ in kept] for title, each in models.items()}
            title = f"{name}, {kind} ({counted(len(kept), 'failing run')})"
            found[title] = _table(chosen, [case for _, case in kept])
    return found


def _table(models: Mapping[str, Sequence[Model]], cases: Sequence[Case]) -> dict[str, Any]:
    scores = backtest(models, cases)
    notes = _notes(models, cases, scores)
    rows = [_row(name, mean(each)) for name, each in scores.items()]
    tracked = sum(knows(case, OF_EXECUTIONS[0]) for case in cases)
    if tracked:
        blind = [forgotten(case, OF_EXECUTIONS) for case in cases]
        without = {_BLIND: scores_of(models["nexus"], blind)}
        if _STATIC in models:
            without[_STATIC_BLIND] = scores_of(models[_STATIC], blind)
        rows[len(models) : len(models)] = [_row(name, mean(each)) for name, each in without.items()]
        gain, low, high = improvement(
            [each.apfdc for each in scores["nexus"]], [each.apfdc for each in without[_BLIND]]
        )
        notes.append(
            f"what tests execute is known in {counted(tracked, 'failing run')}: {gain:+.4f}"
            f" (90 % interval {low:+.4f} to {high:+.4f})"
        )
    return {"orders": rows, "notes": notes}


def _row(name: str, score: Score) -> dict[str, object]:
    shares = zip((*_RECALL, *_CAUGHT), (*score.recall, *score.caught), strict=True)
    return {
        "order": name,
        "apfdc": score.apfdc,
        "charged": score.charged,
        "apfd": score.apfd,
        "first_failure": score.first_failure,
        "first_charged": score.first_charged,
        **dict(shares),
    }


def _notes(
    models: Mapping[str, Sequence[Model]],
    cases: Sequence[Case],
    scores: Mapping[str, Sequence[Score]],
) -> list[str]:
    simple = {name: each for name, each in scores.items() if name not in models}
    best = max(simple, key=lambda name: mean(simple[name]).apfdc)
    gain, low, high = improvement(
        [each.apfdc for each in scores["nexus"]], [each.apfdc for each in simple[best]]
    )
    pairs = list(zip(models["nexus"], cases, strict=True))
    p = [model.probability(s) for model, case in pairs for s in model.scores(case.rows())]
    failed = [bad for case in cases for bad in case.failed]
    bins = "; ".join(
        f"{each['predicted']:.4f} predicted, {each['failed']:.4f} failed, {each['tests']:,} tests"
        for each in calibration(p, failed)
    )
    expected = [s for case in cases for s in case.expected_s]
    true = [s for case in cases for s in case.duration_s]
    error = sorted(abs(a - b) for a, b in zip(expected, true, strict=True))[len(true) // 2]
    precision = average_precision(p, failed)
    return [
        f"against {best}: {gain:+.4f} (90 % interval {low:+.4f} to {high:+.4f}), paired bootstrap",
        f"average precision {precision:.3f}, Brier {brier(p, failed):.4f}; failing runs",
        f"calibration: {bins}",
        f"durations: median error {error * 1000:.3g} ms of a test",
    ]
