"""What became of the earlier changes of a history after the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.delivery.change_history import recorded_changes

if TYPE_CHECKING:
    from pytest_nexus.history.store import History
    from pytest_nexus.plan.delivery.change_history import PastChange

_RUNS: Final = 2000
"""Newest runs whose changes are looked at."""


def past_changes(history: History, own: str | None = None) -> list[PastChange]:
    """Return the changes of the branches with outcomes, the oldest first; none without outcomes.

    `own`: the present commit, which is left out.
    """
    outcomes = history.deployments.read()
    if not outcomes:
        return []
    return recorded_changes((each.run for each in history.runs(_RUNS)), outcomes, own)
