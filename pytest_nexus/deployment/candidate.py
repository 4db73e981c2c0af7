"""Find the model that a push is about, with the runs that judge it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.errors import DeploymentError, ModelRefusedError
from pytest_nexus.forecast.forecaster import prior
from pytest_nexus.forecast.stored_models import shipped, usable
from pytest_nexus.history.sqlite.models import figures
from pytest_nexus.history.store import read_history
from pytest_nexus.predictor.model.document import version
from pytest_nexus.predictor.training.training_set import place_after
from pytest_nexus.project import history_path
from pytest_nexus.training.dataset import lessons_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_nexus.history.sqlite.models import Registry, Version
    from pytest_nexus.predictor.evaluation.evaluate import Case
    from pytest_nexus.predictor.model.model import Model

CHAMPION: Final = "champion"
SHIPPED: Final = "shipped"


class Candidate(NamedTuple):
    """A model that may go live, with the failing runs that judge it."""

    model: Model
    version: str
    document: str
    cases: Sequence[Case]
    last_run: object
    """The newest run that the model learned from; None for the shipped model."""
    facts: Mapping[str, float | str]


def find_candidate(asked: str, history_file: str | None) -> Candidate:
    """Return a model of the registry, or the shipped one.

    Args:
        asked: `champion`, `shipped`, or the first digits of a version.
        history_file: None means the project's.

    Raises:
        DeploymentError: there is no history with such a version.
        ModelRefusedError: the version is unknown, ambiguous or damaged.
    """
    path = history_path(history_file)
    history = read_history(path)
    if history is None:
        if asked not in (CHAMPION, SHIPPED):
            raise DeploymentError(
                "NX950", f"There is no history {str(path)!r} with the model {asked!r}"
            )
        return _of_shipped(())
    with history:
        stored = _stored(history.models, asked)
        cases = () if history.is_slim else tuple(lessons_of(history).cases)
    return _of_shipped(cases) if stored is None else _of_version(stored, cases)


def unseen_by(cases: Sequence[Case], marks: Sequence[object]) -> Sequence[Case]:
    """Return the failing runs after the last ones that some models learned from.

    Args:
        cases: failing runs in time order.
        marks: the last run of each model; None for a model that learned from none of them.
    """
    names = [case.name for case in cases]
    starts = [place_after(names, mark) for mark in marks if isinstance(mark, str)]
    return cases[max(starts, default=0) :]


def _of_shipped(cases: Sequence[Case]) -> Candidate:
    document = prior()
    return Candidate(shipped(), version(document), document, cases, None, {"kind": "shipped"})


def _of_version(stored: Version, cases: Sequence[Case]) -> Candidate:
    lineage, metrics = figures(stored)
    facts: dict[str, float | str] = {"kind": "own"}
    for name in ("last_run", "rows"):
        if isinstance(lineage.get(name), str):
            facts[name] = lineage[name][:200]
    facts |= {
        name[:60]: float(value)
        for name, value in sorted(metrics.items())[:20]
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    last = lineage.get("last_run")
    return Candidate(usable(stored), stored.version, stored.document, cases, last, facts)


def _stored(registry: Registry, asked: str) -> Version | None:
    if asked == CHAMPION:
        return registry.champion()
    if asked == SHIPPED:
        return None
    matches = registry.find(asked)
    if len(matches) != 1:
        raise ModelRefusedError(
            "NX908",
            f"{len(matches)} versions begin with {asked!r}; give more digits,"
            " see `nexus model list`",
        )
    return matches[0]
