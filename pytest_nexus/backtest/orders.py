"""Replay the builds of a project, and score orders by the positions of the failures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.records import BAD
from pytest_nexus.errors import ModelRefusedError
from pytest_nexus.forecast import forecaster as forecast
from pytest_nexus.history.ingest import ingest_run
from pytest_nexus.history.store import open_history
from pytest_nexus.plan.known_tests import StatsIndex, has_duration
from pytest_nexus.plan.make import make_plan
from pytest_nexus.plan.within_run.moves import live_plan, replayed
from pytest_nexus.predictor.evaluation.baselines import order_by, shuffles
from pytest_nexus.predictor.evaluation.metrics import Score, mean, score

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pytest_nexus.backtest.builds import Build
    from pytest_nexus.domain.records import TestKey, TestStats
    from pytest_nexus.forecast.forecaster import Texts
    from pytest_nexus.history.store import History
    from pytest_nexus.plan.make import Forecaster

__all__ = ["SEEDS", "Score", "Scored", "mean", "replay"]

SEEDS: Final = 20
"""Number of random orders for each build; their mean score counts."""


@dataclass(frozen=True, slots=True)
class Scored:
    """One failing build with the score of each order."""

    is_mutant: bool
    scores: Mapping[str, Score]


def replay(
    builds: Iterable[Build], texts: Callable[[Build], Texts] | None = None
) -> Iterator[Scored]:
    """Yield the scores of each failing build, in the given order, which must be time order.

    Each order uses only what was known before the build: the changed paths, and the history of the
    earlier real builds, which the product's own store folds. The true outcomes and durations give
    the score. Mutants are scored, but never enter the history.

    The row `nexus static` is the order that the shipped model gives before the run. In the row
    `nexus`, the outcomes of the run move the tests that are left. The model was fitted to builds of
    these projects, so its figures here are too good; `nexus evaluate --data` leaves out each
    project in turn.

    Args:
        builds: the builds of one project.
        texts: the words of each build's change and tests, as far as they are known.

    Raises:
        ModelRefusedError: the shipped model cannot be used.
    """
    with (
        TemporaryDirectory(prefix="nexus-replay-") as folder,
        open_history(Path(folder) / "history.sqlite3") as history,
    ):
        for build in builds:
            if build.failing:
                yield Scored(
                    build.is_mutant, _scores(build, _model(build, history, texts), history.stats())
                )
            if not build.is_mutant:
                ingest_run(history, build.run, build.attempts)


def _model(build: Build, history: History, texts: Callable[[Build], Texts] | None) -> Forecaster:
    read = (lambda _tests, _change: texts(build)) if texts is not None else None
    losses: list[str] = []
    model = forecast.load(read=read, past=history.cofailures(), lose=losses.append)
    if model is None:
        raise ModelRefusedError(losses[0])
    return model


def _scores(
    build: Build, model: Forecaster, stats: Mapping[TestKey, TestStats]
) -> dict[str, Score]:
    failed, durations = build.failed, build.durations
    return {
        name: mean(score(order, failed, durations) for order in orders)
        for name, orders in _orders(build, model, stats).items()
    }


def _orders(
    build: Build, model: Forecaster, stats: Mapping[TestKey, TestStats]
) -> dict[str, list[list[int]]]:
    known = [stats.get(test.key) for test in build.tests]
    # Tests without a duration come first, as in pytest-ranking.
    seconds = [one.duration_s if one is not None and has_duration(one) else 0.0 for one in known]
    last_failed = [one is not None and one.last_outcome in BAD for one in known]
    n = len(build.tests)
    return {
        "collection": [list(range(n))],
        "random": list(shuffles(n, SEEDS)),
        "--ff": [order_by(last_failed)],
        "fastest first": [order_by([-each for each in seconds])],
        **_by_nexus(build, model, stats),
    }


def _by_nexus(
    build: Build, model: Forecaster, stats: Mapping[TestKey, TestStats]
) -> dict[str, list[list[int]]]:
    """Return the planned order, and the order of a session whose outcomes move the tests."""
    change = build.run.change
    plan = make_plan(build.tests, stats, change, forecaster=model)
    lessons = forecast.lessons_of(model)
    live = None
    if lessons is not None and plan.ranks:
        live = live_plan(plan, plan.order, StatsIndex(stats, change.renames), lessons)
    learned = plan.order if live is None else replayed(live.fresh(), build.failed)
    return {"nexus static": [plan.order], "nexus": [learned]}
