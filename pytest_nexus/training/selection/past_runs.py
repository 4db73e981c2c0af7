"""Score the runs of a history, each with the model and the history as they were before it."""

from __future__ import annotations

from bisect import bisect_right
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.errors import ModelRefusedError
from pytest_nexus.forecast.snapshot import files_of
from pytest_nexus.forecast.stored_models import shipped, usable
from pytest_nexus.plan.selection.gaps import gaps
from pytest_nexus.training.dataset import code_in, lived_in, with_executed, words_in
from pytest_nexus.training.point_in_time import PointInTimeReplay
from pytest_nexus.training.selection.scored_runs import (
    Named,
    ScoredTests,
    always_runs,
    foreseen,
    probabilities_of,
    with_reused,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_nexus.history.queries.replay import Replayed
    from pytest_nexus.history.store import History
    from pytest_nexus.predictor.model.model import Model
    from pytest_nexus.training.selection.scored_runs import Foreseen

MAX_FAILING: Final = 400
"""Failing runs that are scored, the most recent ones; older ones count less than two fifths."""

MAX_PASSING: Final = 150
"""Passing runs that are scored, drawn at random; they show the seconds."""


class Wanted(NamedTuple):
    """Which runs are scored."""

    failing: frozenset[str]
    passing: frozenset[str]
    n_passing: int
    """Number of passing runs from which the sample was drawn."""


def wanted_of(
    history: History, n_failing: int = MAX_FAILING, n_passing: int = MAX_PASSING
) -> Wanted:
    """Return the runs to score: the last failing ones, and a sample of the passing ones.

    The sample is drawn from the time of the failing runs, so that both show the same suite. Runs
    that left tests out are never among them, because nobody knows what they missed.
    """
    cut_short = history.selection.left_out_in()
    runs = [run for run in history.run_outcomes() if run[0] not in cut_short]
    failing = [at for at, (_, n_failed) in enumerate(runs) if n_failed][-n_failing:]
    first = failing[0] if failing else 0
    passing = [uid for uid, n_failed in runs[first:] if not n_failed]
    random = Random(len(runs))  # noqa: S311 - a sample, no secret
    drawn = random.sample(passing, min(n_passing, len(passing)))
    return Wanted(frozenset(runs[at][0] for at in failing), frozenset(drawn), len(passing))


def foreseen_runs(
    history: History,
    wanted: Wanted,
    root: Path | None = None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Iterator[Foreseen]:
    """Yield the wanted runs in time order, each as a selection saw it before the run.

    Only runs before it are known, and the model is the one that was deployed at its start. The code
    of the tests is that of now, because a history does not store it. Mass failures, flaky tests
    and imported durations count as in a training.

    Args:
        history: with attempts.
        wanted: see `wanted_of`.
        root: the folder of the test files; None if their code is not to be read.
        progress: receives the number of finished runs, and of all runs.
    """
    model_at = _Deployed(history)
    dependent = {key for key, rule in history.order_rules.read().items() if rule.is_certain}
    code = {} if root is None else code_in(history, root)
    weight = wanted.n_passing / max(1, len(wanted.passing))
    n_runs = history.count_runs()
    past = PointInTimeReplay()
    for number, run in enumerate(history.replayed(), 1):
        lived = lived_in(run, {}, dependent)
        own = run.summary.run
        files = files_of(own.change, words_in(own.change))
        is_failing = own.run_uid in wanted.failing and any(test.failed for test in lived)
        if lived and (is_failing or own.run_uid in wanted.passing):
            rows = past.rows(with_executed(lived, run), files, code, own.change.branch)
            p_fail = probabilities_of(model_at(own.started_at), rows)
            tests = ScoredTests(
                gaps(p_fail),
                list(map(always_runs, rows)),
                [test.failed and is_failing for test in lived],
                [test.duration_s for test in lived],
            )
            each = foreseen(_named(run), *tests, 1.0 if is_failing else weight)
            known = run.unaffected({file.path for file in own.change.files})
            if known is not None:
                each = with_reused(each, [test.test.key in known for test in lived], tests)
            yield each._replace(expected=sum(p_fail))
        if run.facts.has_outcomes:
            past.add(lived, run.facts, files, own.change.branch)
        progress(number, n_runs)


def _named(run: Replayed) -> Named:
    own = run.summary.run
    return Named(own.run_uid, own.started_at, own.ci.job if own.ci is not None else "")


class _Deployed:
    """The model that was deployed at a time; the shipped one where another cannot be used."""

    def __init__(self, history: History) -> None:
        self._shipped = shipped()
        self._versions = {each.version: each for each in history.models.versions()}
        deployments = sorted(history.models.deployments(), key=lambda each: each.at)
        self._at = [each.at for each in deployments]
        self._names = [None, *(each.version for each in deployments)]
        self._loaded: dict[str, Model] = {}

    def __call__(self, at: float) -> Model:
        name = self._names[bisect_right(self._at, at)]
        if name is None or name not in self._versions:
            return self._shipped
        if name not in self._loaded:
            try:
                self._loaded[name] = usable(self._versions[name])
            except ModelRefusedError:
                self._loaded[name] = self._shipped
        return self._loaded[name]
