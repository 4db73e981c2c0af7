"""What a history keeps of forks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.history.sqlite.runs import fork_runs, summaries

if TYPE_CHECKING:
    from pytest_nexus.history.sqlite.runs import RunSummary
    from pytest_nexus.history.store import History


def runs_of_forks(history: History) -> list[RunSummary]:
    """Return the runs of forks, by their start."""
    connection = history._connection
    return summaries(connection, fork_runs(connection))
