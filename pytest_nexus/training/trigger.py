"""Whether a training is due: whether enough failed since the last one to change what is learned."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_nexus.history.sqlite.models import Version
    from pytest_nexus.history.store import History

FIRST: Final = 24
"""Runs with a failure before the first training; with fewer it proves nothing."""

LEAST: Final = 3
"""New runs with a failure before another one."""

SHARE: Final = 0.1
"""The same as a share of all: what a tenth more runs teach is worth minutes of a machine."""


class Due(NamedTuple):
    """The answer, and why."""

    is_due: bool
    reason: str
    """One sentence."""


def due_of(history: History) -> Due:
    """Return whether a training is due in a history."""
    return due(history.failing_runs(), history.models.versions())


def due(failing: Sequence[str], versions: Iterable[Version]) -> Due:
    """Return whether a training is due.

    Args:
        failing: run_uids of the runs that a model is fitted to, in order.
        versions: trained so far, oldest first; also those that were not deployed.
    """
    last = next(filter(None, map(_last_run, reversed(list(versions)))), None)
    runs = f"{counted(len(failing), 'run')} with a failure"
    if last is None:
        is_due = len(failing) >= FIRST
        return Due(is_due, f"{runs}, none learned from; {FIRST} are needed")
    n_new = len(failing) - failing.index(last) - 1 if last in failing else len(failing)
    needed = max(LEAST, round(SHARE * len(failing)))
    return Due(n_new >= needed, f"{runs}, {n_new:,} of them new; {needed:,} are needed")


def _last_run(version: Version) -> str | None:
    """Return the newest run that a version was fitted to; None for one of another origin."""
    lineage = json.loads(version.lineage)
    last = lineage.get("last_run") if isinstance(lineage, dict) else None
    return last if isinstance(last, str) else None
