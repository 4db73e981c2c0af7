"""`nexus evaluate`: the deployed model against simple orders, on runs it has to predict."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_nexus.backtest.durations import judged, of_history, of_recorded
from pytest_nexus.cli.arguments.pending_journals import take_in_waiting
from pytest_nexus.cli.output.tables import add_json_option, print_json, print_table
from pytest_nexus.cli.train import require_extra, usable
from pytest_nexus.domain.system.console import say
from pytest_nexus.domain.wording import counted
from pytest_nexus.errors import HistoryError
from pytest_nexus.forecast import forecaster
from pytest_nexus.history.store import read_history
from pytest_nexus.launch.shared_fixtures import add_collect_option, collected_suite
from pytest_nexus.predictor.evaluation.bootstrap import improvement
from pytest_nexus.predictor.evaluation.evaluate import backtest, only, untouched
from pytest_nexus.predictor.evaluation.metrics import average_precision, brier, calibration, mean
from pytest_nexus.predictor.model.document import load
from pytest_nexus.project import add_history_option, history_path

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence

    from pytest_nexus.predictor.evaluation.evaluate import Case
    from pytest_nexus.predictor.evaluation.metrics import Score
    from pytest_nexus.predictor.model.model import Model

_SHARES = ("5%", "10%", "20%", "50%")
_RECALL = tuple(f"in_{share}" for share in _SHARES)
_CAUGHT = tuple(f"runs_{share}" for share in _SHARES)
_COLUMNS = ("order", "apfdc", "apfd", "first_failure", *_RECALL, *_CAUGHT)

_DURATION_COLUMNS = ("durations", "error_ms", "relative", "within_25%", "of_the_sum", "tests")

_SHIPPED = "shipped model"

_ABOUT_DURATIONS = (
    "Medians over tests; relative and within 25%: of tests of 1 ms or more;",
    "of the sum: of the seconds of a run.",
    "nexus regards environment and workers where that has proved better.",
)

_ABOUT_BLOCKS = (
    "Tests that share fixtures move together in the rows of nexus, as in a session.",
    "Each order pays for a shared set-up when it comes to it, and again when it comes back.",
)

_LEGEND = """
apfdc: how early failures come by time, apfd: by number of tests, 1 is best. first failure: share of
the run's seconds until it has ended, 0 is best. in 5%: share of the failing tests that have ended
in the first 5 % of the seconds; runs 5%: share of the runs in which one has by then.""".lstrip()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--data",
        metavar="DIR",
        help="judge the shipped model on recorded builds, fitted without each project in turn",
    )
    add_history_option(parser)
    add_json_option(parser)
    add_collect_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the tables; every figure comes from this run."""
    require_extra()
    tables = _of_recorded(Path(options.data)) if options.data else _of_history(options)
    if options.json:
        print_json(tables)
        return 0
    for title, table in tables.items():
        say(title, "")
        if "durations" in table:
            print_table(table["durations"], _DURATION_COLUMNS)
        else:
            print_table(table["orders"], _COLUMNS)
        for line in table["notes"]:
            say(line)
        say("")
    say(*_LEGEND.split("\n"))
    return 0


def _of_history(options: argparse.Namespace) -> dict[str, Any]:
    take_in_waiting(options.history)
    path = history_path(options.history)
    history = read_history(path)
    if history is None:
        raise HistoryError(
            f"There is no history {str(path)!r} yet; run pytest with --nexus to begin one"
        )
    with history:
        champion = history.models.champion()
        files = dict.fromkeys(key.partition("::")[0] for key in history.stats())
        suite = {test.key: test for test in collected_suite(options, files)}
        lessons = import_module("pytest_nexus.training.dataset").lessons_of(history, suite)
        durations = judged(of_history(history))
    model = load(forecaster.prior()) if champion is None else usable(champion)
    if not lessons.cases:
        raise HistoryError(f"History {str(path)!r} has no run with a failure to evaluate on")
    prior_model = load(forecaster.prior())
    models = {"nexus": model} if champion is None else {"nexus": model, _SHIPPED: prior_model}
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
    if durations:
        found["durations, each run foreseen from those before it"] = _about(durations)
    return found


def _about(durations: list[dict[str, Any]]) -> dict[str, Any]:
    return {"durations": durations, "notes": list(_ABOUT_DURATIONS)}


def _of_recorded(folder: Path) -> dict[str, Any]:
    prior, sample, walks = (
        import_module(f"pytest_nexus.backtest.{name}")
        for name in ("shipped_model", "builds", "walk_forward")
    )
    found: dict[str, Any] = {}
    names = sample.projects(folder)
    shipped = load(forecaster.prior())
    for name, model, is_anew in prior.each_unseen(folder, names, shipped):
        builds = prior.cases_of(folder, name)
        cases = [case for _, case in builds]
        is_real = [not build.is_mutant for build, _ in builds]
        deployed, n_deployed = walks.deployed_over_time(cases, model, is_real)
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
        models = {"nexus": [model] * len(cases), "nexus, trained on its past": deployed}
        tables = _tables(name, cases, models, kinds)
        said = "fitted again without this project" if is_anew else "as shipped"
        for table in tables.values():
            table["notes"].append(f"model {said}; {n_deployed} trainings deployed another")
        found |= tables
        durations = judged(of_recorded(sample.read_builds(folder, name)))
        found[f"{name}, durations of the real builds"] = _about(durations)
    return found


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
    """Return a table by title, for each kind of failures that there are."""
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
    return {
        "orders": [_row(name, mean(each)) for name, each in scores.items()],
        "notes": _notes(models, cases, scores),
    }


def _row(name: str, score: Score) -> dict[str, object]:
    shares = zip((*_RECALL, *_CAUGHT), (*score.recall, *score.caught), strict=True)
    return {
        "order": name,
        "apfdc": score.apfdc,
        "apfd": score.apfd,
        "first_failure": score.first_failure,
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
