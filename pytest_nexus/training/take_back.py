"""Take back a deployed model that proves worse than the model before, or the shipped one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.system import clock
from pytest_nexus.errors import ModelRefusedError
from pytest_nexus.forecast.stored_models import shipped, usable
from pytest_nexus.history.sqlite.models import figures
from pytest_nexus.predictor.evaluation.relapse import LEAST_LOSS, Relapse, relapse
from pytest_nexus.predictor.training.training_set import place_after

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.history.sqlite.models import Registry, Version
    from pytest_nexus.history.store import History
    from pytest_nexus.predictor.evaluation.evaluate import Case
    from pytest_nexus.predictor.model.model import Model

_SHIPPED: Final = "shipped model"
_SHOWN_DIGITS: Final = 8


def may_be_taken_back(history: History) -> bool:
    """Return whether the deployed model has enough failing runs to judge, and a new one.

    Reads no attempt: a look that could change nothing costs nothing.
    """
    champion = history.models.champion()
    if champion is None:
        return False
    runs = _since(champion, history.failing_runs())
    judged = figures(champion)[0].get("judged")
    last = judged.get("last_run") if isinstance(judged, dict) else None
    return len(runs) >= min(LEAST_LOSS) and runs[-1] != last


def take_back(registry: Registry, cases: Sequence[Case]) -> str | None:
    """Take the deployed model back if it proves worse on the runs since its deployment.

    Args:
        registry: holds the deployed model. A model that was imported, with no runs of this history
            in its lineage, stays.
        cases: the failing runs of the history, in time order.

    Returns:
        What happened, in one sentence; None if the model stays.

    Raises:
        ModelRefusedError: the deployed model cannot be used.
    """
    champion = registry.champion()
    if champion is None:
        return None
    since = set(_since(champion, [case.name for case in cases]))
    before = _before(registry, champion)
    others = {f"model {name[:_SHOWN_DIGITS]}": model for name, model in before.items()}
    others[_SHIPPED] = shipped()
    unseen = [case for case in cases if case.name in since]
    found: Relapse | None = relapse(usable(champion), others, unseen)
    if found is None:
        if unseen:
            facts = {"last_run": unseen[-1].name, "failing_runs": len(unseen)}
            registry.note(champion, "judged", facts)
        return None
    to = None if found.other == _SHIPPED else next(iter(before))
    fate = {
        "to": to,
        "last_run": unseen[-1].name,
        "failing_runs": found.n,
        "utility": found.utility,
        "utility_of_other": found.utility_of_other,
    }
    registry.take_back(champion, to, clock.time(), fate)
    return f"model {champion.version[:_SHOWN_DIGITS]} is taken back: {found.sentence}"


def _since(champion: Version, runs: Sequence[str]) -> Sequence[str]:
    """Return the runs since a model was deployed; none if no run of this history taught it."""
    lineage, _ = figures(champion)
    last = lineage.get("last_run")
    if not isinstance(last, str):
        return ()
    earlier = lineage.get("taken_back")
    marks = [last, earlier.get("last_run") if isinstance(earlier, dict) else None]
    return runs[max(place_after(runs, mark) for mark in marks) :]


def _before(registry: Registry, champion: Version) -> dict[str, Model]:
    """Return the model that the champion replaced, by version; none if it cannot be used."""
    parents = registry.find(champion.parent) if champion.parent else []
    try:
        return {each.version: usable(each) for each in parents if each.version == champion.parent}
    except ModelRefusedError:
        return {}
