"""Judge the canaries of all regions by one history, and promote them or roll them back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from pytest_nexus.deployment.canary import Judgement, judge, proved_loss
from pytest_nexus.deployment.candidate import unseen_by
from pytest_nexus.deployment.place import promoted, rolled_back
from pytest_nexus.deployment.reports import reports_of, summed
from pytest_nexus.deployment.targets.target import taken
from pytest_nexus.errors import DeploymentError
from pytest_nexus.history.store import read_history
from pytest_nexus.node.kept_model import unpacked
from pytest_nexus.node.manifest import MAX_MODEL_BYTES
from pytest_nexus.predictor.model.document import ModelError, load
from pytest_nexus.training.dataset import lessons_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from pytest_nexus.deployment.canary import Terms
    from pytest_nexus.deployment.place import Place
    from pytest_nexus.history.queries.quality import QualityOfRun
    from pytest_nexus.history.store import History
    from pytest_nexus.node.manifest import Entry, Manifest
    from pytest_nexus.predictor.evaluation.evaluate import Case
    from pytest_nexus.predictor.model.model import Model


def judge_canaries(places: Iterable[Place], history: Path, terms: Terms) -> list[Judgement]:
    """Promote or roll back each canary as the history says; a region without one is left out.

    Raises:
        DeploymentError: there is no history with attempts, or a place cannot be read or changed.
    """
    on_trial = [(place, live) for place in places if (live := place.read().manifest)]
    on_trial = [(place, live) for place, live in on_trial if live.canary is not None]
    if not on_trial:
        return []
    with read_history(history) or _missing(history) as known:
        if known.is_slim:
            _missing(history)
        evidence = _Evidence(known)
        return [_judged(place, live, evidence, terms) for place, live in on_trial]


def _missing(history: Path) -> NoReturn:
    raise DeploymentError(
        "NX859", f"Canaries are judged by a history with attempts, and {str(history)!r} is none"
    )


class _Evidence:
    """The runs of a history, read when they are asked for."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._order = [uid for uid, _ in history.run_outcomes()]
        self._cases: Sequence[Case] | None = None
        self.runs = history.quality.read()

    def since(self, first: QualityOfRun) -> Sequence[Case]:
        """Return the failing runs from a run on."""
        if self._cases is None:
            self._cases = tuple(lessons_of(self._history).cases)
        later = set(self._order[self._order.index(first.run_uid) :])
        return [case for case in self._cases if case.name in later]


def _judged(place: Place, live: Manifest, evidence: _Evidence, terms: Terms) -> Judgement:
    canary = live.canary
    assert canary is not None
    reports = reports_of(evidence.runs, place.region, canary.version, live.pushed_at)
    loss, n_failing = "", 0
    if reports:
        marks = [live.model.facts.get("last_run"), canary.facts.get("last_run")]
        cases = unseen_by(evidence.since(reports[0]), marks)
        models = _model(place, canary), _model(place, live.model)
        loss, n_failing = proved_loss(*models, cases), len(cases)
    found = judge(place.region, summed(canary.version, reports), loss, n_failing, terms)
    if found.verdict != "wait":
        make = promoted if found.verdict == "promote" else rolled_back
        place.change(_on_trial(place, live, make))
    return found


def _on_trial(
    place: Place, judged: Manifest, make: Callable[[Manifest | None], Manifest]
) -> Callable[[Manifest | None], Manifest]:
    """Return a change of the manifest that was judged; another push since then wins."""

    def change(live: Manifest | None) -> Manifest:
        if live is None or live.sequence != judged.sequence:
            raise taken(place.target.place)
        return make(live)

    return change


def _model(place: Place, entry: Entry) -> Model:
    """Return a model of a place.

    Raises:
        DeploymentError: its file is missing or damaged.
    """
    data = place.target.read(entry.file, MAX_MODEL_BYTES)
    try:
        return load(unpacked(data or b""))
    except ModelError as exc:
        raise DeploymentError(
            "NX860", f"Model {entry.version[:8]} at {place.target.place!r} cannot be judged: {exc}"
        ) from exc
