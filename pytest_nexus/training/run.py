"""Run one training: from a training set to a new version, deployed if it proves better."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_nexus.domain.records import USUAL, Balance
from pytest_nexus.domain.system import clock
from pytest_nexus.domain.validation import WRONG
from pytest_nexus.domain.wording import counted
from pytest_nexus.forecast.stored_models import shipped, usable
from pytest_nexus.history.sqlite.models import Version, figures
from pytest_nexus.predictor.evaluation.balance import chosen_balance
from pytest_nexus.predictor.model.document import dump, version
from pytest_nexus.predictor.training.champion import digest_of, first_judged, train
from pytest_nexus.predictor.training.contest import SHIPPED, Contest, contest_of
from pytest_nexus.predictor.training.search import SHARE, student_size
from pytest_nexus.predictor.training.settings import DEFAULTS, Recipe, Settings, settings_of
from pytest_nexus.training.lineage import lineage_of, metrics_of, searched_of, teacher_of
from pytest_nexus.training.search.find_settings import Asked, Lessons, find_settings
from pytest_nexus.training.student_figures import student_facts, wanted_size
from pytest_nexus.training.take_back import take_back

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_nexus.history.sqlite.models import Registry
    from pytest_nexus.predictor.evaluation.balance import ChosenBalance
    from pytest_nexus.predictor.evaluation.evaluate import Case
    from pytest_nexus.predictor.model.model import Model
    from pytest_nexus.predictor.training.champion import Outcome
    from pytest_nexus.predictor.training.search import Found
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
    search: Found | None = None
    """The result of a search for settings; None if nobody asked for one."""
    balance: str | None = None
    """The balance of the order, in one sentence; None if it is the usual one."""


class Search(NamedTuple):
    """A search for settings before a training."""

    asked: Asked
    progress: Callable[[int, int], None] | None = None
    """Called with the number of judged candidates and of all."""


def train_version(
    registry: Registry,
    read_lessons: Callable[[], TrainingSet],
    seed: int,
    student: str | None = None,
    search: Search | None = None,
) -> Trained:
    """Train a model, and store the resulting version.

    Args:
        registry: holds the champion, which the new version has to beat.
        read_lessons: returns the training set; its time counts as training time.
        seed: seeds the samples and the trees.
        student: size of the trees for sessions: `auto`, `8x4`, or None for the usual size.
        search: the search for settings; None for the settings of the last training.

    Raises:
        TrainingError: the search needs more runs, or other workers.
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
    recipe = Recipe(wanted_size(student), _stored_settings(registry, lessons))
    found = None
    if search is not None:
        n_seen = first_judged(lessons.cases, incumbent, contest or Contest(), share=SHARE)
        found = _searched(search, lessons, n_seen, prior, seed, recipe)
        recipe = recipe._replace(settings=found.settings, searched_to=found.searched_to)
    outcome = train(lessons, incumbent, prior, seed, contest, recipe)
    facts = student_facts(outcome, lessons.cases) if student else None
    n = len(lessons.cases)
    if not outcome.chosen:
        seconds = clock.perf_counter() - started_s
        return Trained(None, False, outcome.reason, n, seconds, taken_back, facts, found)  # noqa: FBT003
    seconds = round(clock.perf_counter() - started_s, 2)
    cost = {**(facts.figures if facts else {}), "training_s": seconds}
    chosen = chosen_balance(lessons.cases, prior) if is_own else None
    made = _version(outcome, lessons, parent, {"seed": seed, **searched_of(found)}, cost)
    _keep(registry, _with_balance(made, chosen), outcome)
    seconds = clock.perf_counter() - started_s
    is_back = outcome.is_better and outcome.chosen == SHIPPED
    name = "shipped" if is_back else made.version
    told = _balance_sentence(chosen) if chosen is not None else None
    return Trained(
        name, outcome.is_better, outcome.reason, n, seconds, taken_back, facts, found, told
    )


def _searched(
    search: Search, lessons: TrainingSet, n_seen: int, prior: Model, seed: int, recipe: Recipe
) -> Found:
    """Search on the runs that judge no model in this training."""
    cases: Sequence[Case] = [replace(case, blocks=None) for case in lessons.cases[:n_seen]]
    size = student_size(recipe.student)
    learned = Lessons(cases, lessons.earlier, prior, size, seed)
    return find_settings(learned, search.asked, search.progress)


def _stored_settings(registry: Registry, lessons: TrainingSet) -> Settings:
    """Return the settings of the last training on the same source; the defaults without one."""
    for each in reversed(registry.versions()):
        lineage: Any = figures(each)[0]
        try:
            if lineage["inputs"][0]["name"] == _source_of(lessons):
                return settings_of(lineage["params"]["settings"]) or DEFAULTS
        except WRONG:
            continue
    return DEFAULTS


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
    given: Mapping[str, Any],
    cost: Mapping[str, float],
) -> Version:
    """Return the version of an outcome.

    Args:
        outcome: of the training.
        lessons: the training set.
        parent: version of the incumbent.
        given: the seed, and what a search found.
        cost: seconds, and the figures of the student.
    """
    digest = digest_of(lessons)
    settings = {"settings": outcome.settings.changed} if outcome.settings.changed else {}
    card = {
        **outcome.model.card,
        "kind": "own",
        "rows": digest,
        **given,
        **settings,
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
        json.dumps(lineage_of(lessons, digest, given, outcome)),
        json.dumps(metrics),
    )


def _with_balance(made: Version, chosen: ChosenBalance | None) -> Version:
    """Return a version whose metrics name the balance that its training chose, if it chose one."""
    if chosen is None:
        return made
    balance = Balance(*chosen.balance)
    found = {**figures(made)[1], "balance": balance._asdict()}
    return made._replace(metrics=json.dumps(found))


def _balance_sentence(chosen: ChosenBalance) -> str | None:
    """Return what a training says about the balance that it chose; None for the usual one."""
    balance = Balance(*chosen.balance)
    if balance == USUAL:
        return None
    return (
        f"balance of the order: haste {balance.haste:g} (usually {USUAL.haste:g}), share of tests"
        f" that never failed {balance.share:g} (usually {USUAL.share:g}); mean gain"
        f" {chosen.gain:+.4f} on {counted(chosen.n_runs, 'past run')} with a failure"
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
