"""Run one training: from a training set to a new version, deployed if it proves better."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from pytest_nexus.domain.system import clock
from pytest_nexus.forecast.stored_models import shipped, usable
from pytest_nexus.history.sqlite.models import Version
from pytest_nexus.predictor.model.document import dump, version
from pytest_nexus.predictor.training.champion import digest_of, train
from pytest_nexus.training.lineage import lineage_of, metrics_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_nexus.history.sqlite.models import Registry
    from pytest_nexus.predictor.training.champion import Outcome, TrainingSet


class Trained(NamedTuple):
    """The result of a training."""

    version: str | None
    """Name of the new version in the registry; None if no training was possible."""
    is_better: bool
    """Whether the new version is deployed."""
    reason: str
    """The reason in one sentence."""
    n_cases: int
    """Number of failing runs in the training set."""
    seconds: float


def train_version(
    registry: Registry, read_lessons: Callable[[], TrainingSet], seed: int
) -> Trained:
    """Train a model, and store the resulting version.

    Args:
        registry: holds the champion, which the new version has to beat.
        read_lessons: returns the training set; its time counts as training time.
        seed: seeds the samples and the trees.
    """
    started_s = clock.perf_counter()
    lessons = read_lessons()
    champion = registry.champion()
    prior = shipped()
    incumbent = prior if champion is None else usable(champion)
    outcome = train(lessons, incumbent, prior, seed)
    parent = None if champion is None else champion.version
    made = _version(outcome, lessons, parent, seed, started_s)
    seconds = clock.perf_counter() - started_s
    if outcome.apfdc is not None:
        _keep(registry, made, is_better=outcome.is_better)
    name = None if outcome.apfdc is None else made.version
    return Trained(name, outcome.is_better, outcome.reason, len(lessons.cases), seconds)


def _version(
    outcome: Outcome, lessons: TrainingSet, parent: str | None, seed: int, started_s: float
) -> Version:
    digest = digest_of(lessons)
    card = {
        **outcome.model.card,
        "kind": "own",
        "rows": digest,
        "seed": seed,
        "failing_runs": len(lessons.cases),
    }
    document = dump(replace(outcome.model, card=card))
    metrics = metrics_of(outcome, clock.perf_counter() - started_s)
    return Version(
        version(document),
        parent,
        clock.time(),
        document,
        json.dumps(lineage_of(lessons, digest, seed)),
        json.dumps(metrics),
    )


def _keep(registry: Registry, made: Version, *, is_better: bool) -> None:
    registry.add(made)
    alias = registry.alias("champion")
    if is_better and alias != made.version:
        registry.set_alias("champion", made.version, made.created_at)
    elif not is_better and registry.alias("challenger") != made.version:
        registry.set_alias("challenger", made.version, made.created_at)
