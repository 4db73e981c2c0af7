"""What escaped the tests, by the history and by git; and what the selection learns from that."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pytest_nexus.domain.system.console import warn_of
from pytest_nexus.domain.system.git import GitError
from pytest_nexus.domain.wording import counted
from pytest_nexus.errors import with_code
from pytest_nexus.history.uses.users_of_files import users_of_files
from pytest_nexus.impact.logged_commits import brought_by, files_of_commit, logged_commits
from pytest_nexus.launch.culprit_runs.past_commits import is_shallow
from pytest_nexus.plan.delivery.commit_outcomes import (
    DeploymentOutcome,
    accused_since,
    escaped_commits,
    repairs,
    stored_reverts,
)
from pytest_nexus.plan.delivery.escape_guard import Guard, guard_of
from pytest_nexus.plan.delivery.escapes import escapes
from pytest_nexus.plan.delivery.four_keys import all_four_keys

if TYPE_CHECKING:
    from pytest_nexus.domain.system.git import Git
    from pytest_nexus.history.store import History
    from pytest_nexus.plan.delivery.commit_outcomes import LoggedCommit, Repair
    from pytest_nexus.plan.delivery.escapes import Escape
    from pytest_nexus.plan.delivery.four_keys import FourKeys


@dataclass(frozen=True, slots=True)
class KnownOutcomes:
    """What the history and git know."""

    outcomes: list[DeploymentOutcome]
    commits: list[LoggedCommit]
    repairs: list[Repair]


def known_outcomes(history: History, git: Git | None) -> KnownOutcomes:
    """Return the outcomes, and the reverts on the branch that is checked out, if one is."""
    try:
        commits = [] if git is None else logged_commits(git)
        if git is not None and is_shallow(git):
            warn_of(
                with_code(
                    "NX660",
                    f"this clone is shallow: reverts and lead times are those of its"
                    f" {counted(len(commits), 'commit')}; `git fetch --unshallow` brings all",
                )
            )
    except GitError as exc:
        warn_of(str(exc))
        commits = []
    return KnownOutcomes(history.deployments.read(), commits, repairs(commits))


def found_escapes(history: History, git: Git, known: KnownOutcomes) -> list[Escape]:
    """Return the commits whose faults no test found, with the tests that cover them."""
    accused = escaped_commits(known.outcomes, known.repairs)
    files = {commit: files_of_commit(git, commit) for commit in accused}
    executed: dict[str, set[str]] = {}
    if not history.is_slim:
        for summary in history.runs():
            if (commit := summary.run.change.commit) in accused and not summary.run.change.dirty:
                ran = {each.key for each in history.attempts(summary.run.run_uid)}
                executed.setdefault(str(commit), set()).update(ran)
    paths = {path for each in files.values() for path in each}
    users = users_of_files(history.uses(), paths) if paths else {}
    return escapes(accused, files, users, executed)


def figures_of(known: KnownOutcomes) -> list[FourKeys]:
    """Return the four key figures of each environment."""
    return all_four_keys(known.outcomes, partial(brought_by, known.commits))


def learn(history: History, git: Git) -> Guard:
    """Store the reverts of the branch, and what guards the selection; return the latter."""
    known = known_outcomes(history, git)
    history.deployments.add(stored_reverts(known.repairs))
    outcomes = history.deployments.read()
    guard = guard_of(
        history.deployments.leaving_runs(),
        found_escapes(history, git, known),
        accused_since(outcomes, known.repairs),
        min((each.at for each in outcomes), default=0.0),
    )
    history.deployments.keep_guard(guard)
    return guard
