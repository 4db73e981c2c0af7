"""Decide whether a training is due: enough tests failed since the last one, or the model drifts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.wording import counted
from pytest_nexus.forecast.drift_check import drift_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_nexus.history.sqlite.models import Version
    from pytest_nexus.history.store import History

FIRST: Final = 24
"""Failing runs before the first training; fewer runs prove nothing."""

LEAST: Final = 3
"""New failing runs before the next training."""

SHARE: Final = 0.1
"""The same number as a share of all failing runs: a tenth more runs are worth minutes of work."""


class Due(NamedTuple):
    """Whether a training is due, and the reason."""

    is_due: bool
    reason: str
    """The reason in one sentence."""
    n_new: int = 0
    """Failing runs since the last training; 0 before the first one."""


def due_of(history: History) -> Due:
    """Return whether a training is due in a history."""
    found = due(history.failing_runs(), history.models.versions())
    return found if found.is_due else _by_drift(history, found)


def _by_drift(history: History, found: Due) -> Due:
    """Return that a training is due if the own model drifts and there is something new to learn."""
    if not found.n_new or history.models.champion() is None:
        return found
    report = drift_of(history)
    if not report.is_drifting:
        return found
    subjects = ", ".join(dict.fromkeys(each.subject for each in report.findings))
    runs = counted(found.n_new, "new run")
    return Due(True, f"{runs} with a failure, and the model drifts: {subjects}", found.n_new)  # noqa: FBT003


def due(failing: Sequence[str], versions: Iterable[Version]) -> Due:
    """Return whether a training is due.

    Args:
        failing: run_uids of the runs that a model is fitted to, in order.
        versions: all trained versions, oldest first, including versions that were not deployed.
    """
    last = next(filter(None, map(last_run, reversed(list(versions)))), None)
    runs = f"{counted(len(failing), 'run')} with a failure"
    if last is None:
        is_due = len(failing) >= FIRST
        return Due(is_due, f"{runs}, none learned from; {FIRST} are needed")
    n_new = len(failing) - failing.index(last) - 1 if last in failing else len(failing)
    needed = max(LEAST, round(SHARE * len(failing)))
    return Due(n_new >= needed, f"{runs}, {n_new:,} of them new; {needed:,} are needed", n_new)


def last_run(version: Version) -> str | None:
    """Return the newest run that a version was fitted to; None for other training data."""
    lineage = json.loads(version.lineage)
    last = lineage.get("last_run") if isinstance(lineage, dict) else None
    return last if isinstance(last, str) else None
