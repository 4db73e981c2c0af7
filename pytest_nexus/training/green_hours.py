"""Find since when new failures wait for a training, and how long a training is expected to take."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.validation import WRONG
from pytest_nexus.training.trigger import last_run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_nexus.history.sqlite.models import Version
    from pytest_nexus.history.store import History

USUAL_S: Final = 60.0
"""Expected seconds of the first training; two cores fit a million attempts in less."""


def waiting_since(history: History) -> float | None:
    """Return when the oldest failing run started that no version has learned from.

    None means that there is no such run.
    """
    failing = history.failing_runs()
    last = next(filter(None, map(last_run, reversed(history.models.versions()))), None)
    new = failing[failing.index(last) + 1 :] if last in failing else failing
    started = {each.run.run_uid: each.run.started_at for each in history.runs()}
    return min((started[uid] for uid in new if uid in started), default=None)


def expected_s(versions: Iterable[Version]) -> float:
    """Return the seconds that the newest training took; `USUAL_S` if there is no figure."""
    for version in reversed(list(versions)):
        try:
            found = float(json.loads(version.metrics)["training_s"])
        except WRONG:
            continue
        if 0.0 < found < 86_400.0:
            return found
    return USUAL_S
