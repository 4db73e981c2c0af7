"""Decide whether a training is due: whether enough tests failed since the last training."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.wording import counted

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


def due_of(history: History) -> Due:
    """Return whether a training is due in a history."""
    return due(history.failing_runs(), history.models.versions())


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
    return Due(n_new >= needed, f"{runs}, {n_new:,} of them new; {needed:,} are needed")


def last_run(version: Version) -> str | None:
    """Return the newest run that a version was fitted to; None for other training data."""
    lineage = json.loads(version.lineage)
    last = lineage.get("last_run") if isinstance(lineage, dict) else None
    return last if isinstance(last, str) else None
