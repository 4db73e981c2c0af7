"""Run one training: from a training set to a new version, deployed if it proves better."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_nexus.domain.system import clock
from pytest_nexus.forecast.stored_models import shipped, usable
from pytest_nexus.history.sqlite.models import Version, figures
from pytest_nexus.predictor.model.document import dump, version
from pytest_nexus.predictor.training.champion import digest_of, train
from pytest_nexus.predictor.training.contest import SHIPPED, Contest, contest_of
from pytest_nexus.training.lineage import lineage_of, metrics_of, teacher_of
from pytest_nexus.training.student_figures import student_facts, wanted_size
from pytest_nexus.training.take_back import take_back

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_nexus.history.sqlite.models import Registry
    from pytest_nexus.predictor.training.champion import Outcome
    from pytest_nexus.predictor.training.training_set import TrainingSet
    from pytest_nexus.training.student_figures import StudentFacts


class Trained(NamedTuple):
    """The result of a training."""

    version: str | None
    """Name of the new version in the registry; None if no training was possible.

    It is `shipped` if the shipped model proved better than the deployed one.
    """
    is_better: bool
    """Whether the new version is deployed."""
    reason: str
    """The reason in one sentence."""
    n_cases: int
    """Number of failing runs in the training set."""
    seconds: float
    taken_back: str | None = None
    """What happened to the deployed model before, if it was taken back; one sentence."""
    student: StudentFacts | None = None
    """How the student compares with its teacher; None if no size was asked for."""


def train_version(
    registry: Registry,
    read_lessons: Callable[[], TrainingSet],
    seed: int,
    student: str | None = None,
) -> Trained:
    """Train a model, and store the resulting version.

    Args:
        registry: holds the champion, which the new version has to beat.
        read_lessons: returns the training set; its time counts as training time.
        seed: seeds the samples and the trees.
        student: size of the trees for sessions: `auto`, `8x4`, or None for the usual size.
    """
    started_s = clock.perf_counter()
    lessons = read_lessons()
    is_own = _source_of(lessons) == "history"
    taken_back = take_back(registry, lessons.cases) if is_own else None
    champion = registry.champion()
    prior = shipped()
    incumbent = prior if champion is None else usable(champion)
    parent = None if champion is None else champion.version
    contest = _contest(registry, lessons, parent)
    outcome = train(lessons, incumbent, prior, seed, contest, wanted_size(student))
    facts = student_facts(outcome, lessons.cases) if student else None
    n = len(lessons.cases)
    if not outcome.chosen:
        seconds = clock.perf_counter() - started_s
        return Trained(None, False, outcome.reason, n, seconds, taken_back, facts)  # noqa: FBT003
    seconds = round(clock.perf_counter() - started_s, 2)
    cost = {**(facts.figures if facts else {}), "training_s": seconds}
    made = _version(outcome, lessons, parent, seed, cost)
    _keep(registry, made, outcome)
    seconds = clock.perf_counter() - started_s
    is_back = outcome.is_better and outcome.chosen == SHIPPED
    name = "shipped" if is_back else made.version
    return Trained(name, outcome.is_better, outcome.reason, n, seconds, taken_back, facts)


def _source_of(lessons: TrainingSet) -> str:
    return str(lessons.source.get("name", "history"))


def _contest(registry: Registry, lessons: TrainingSet, parent: str | None) -> Contest | None:
    """Return the contest against the deployed model, from the last training on the same source."""
    for each in reversed(registry.versions()):
        _, metrics = figures(each)
        stored: Any = metrics.get("contest")
        contest = contest_of(stored)
        if contest is not None and stored.get("source") == _source_of(lessons):
            return contest if stored.get("against") == parent else contest.renewed()
    return None


def _version(
    outcome: Outcome,
    lessons: TrainingSet,
    parent: str | None,
    seed: int,
    cost: Mapping[str, float],
) -> Version:
    digest = digest_of(lessons)
    card = {
        **outcome.model.card,
        "kind": "own",
        "rows": digest,
        "seed": seed,
        "failing_runs": len(lessons.cases),
        **teacher_of(outcome),
    }
    document = dump(replace(outcome.model, card=card))
    name = version(document)
    metrics = metrics_of(outcome, cost)
    contest, against = outcome.contest, parent
    if outcome.is_better:
        contest, against = contest.renewed(), _deployed(outcome, name)
    stored = {"source": _source_of(lessons), "against": against}
    metrics["contest"] = stored | contest.document()
    return Version(
        name,
        parent,
        clock.time(),
        document,
        json.dumps(lineage_of(lessons, digest, seed, outcome)),
        json.dumps(metrics),
    )


def _deployed(outcome: Outcome, name: str) -> str | None:
    """Return the version that a better outcome deploys; None if the shipped model is back."""
    return None if outcome.chosen == SHIPPED else name


def _keep(registry: Registry, made: Version, outcome: Outcome) -> None:
    registry.add(made)
    champion = registry.alias("champion")
    if outcome.is_better and champion != _deployed(outcome, made.version):
        registry.set_alias("champion", _deployed(outcome, made.version), made.created_at)
    elif not outcome.is_better and made.version not in {champion, registry.alias("challenger")}:
        registry.set_alias("challenger", made.version, made.created_at)
