"""What became of the earlier changes of a history after the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.system.git import GitError
from pytest_nexus.impact.logged_commits import logged_changes, logged_commits
from pytest_nexus.plan.delivery.change_history import judged_changes, recorded_changes
from pytest_nexus.plan.delivery.commit_outcomes import escaped_commits, repairs

if TYPE_CHECKING:
    from pytest_nexus.domain.system.git import Git
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


def changes_in_git(history: History, git: Git, revision: str) -> list[PastChange]:
    """Return the changes that a revision contains, the oldest first; none if git cannot tell."""
    try:
        found = repairs(logged_commits(git, revision))
    except GitError:
        return []
    accused = escaped_commits(history.deployments.read(), found)
    return judged_changes(logged_changes(git, revision), accused) if accused else []
