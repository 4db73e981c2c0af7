"""Read the deployments of a repository on GitHub, and what became of them.

https://docs.github.com/en/rest/deployments/deployments and …/deployments/statuses
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.errors import GitHubError
from pytest_nexus.plan.delivery.commit_outcomes import DeploymentOutcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_nexus.github.client import Client
    from pytest_nexus.plan.delivery.commit_outcomes import Status

MOST_DEPLOYMENTS: Final = 500
"""The newest ones; each costs one more request."""

_STATUSES: Final[dict[str, Status]] = {
    "success": "deployed",
    "failure": "failed",
    "error": "failed",
}
"""GitHub sets `inactive` when a newer deployment replaces a sound one, so it says nothing."""

_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_MOST_CHARS: Final = 256


def deployment_outcomes(client: Client, limit: int = MOST_DEPLOYMENTS) -> list[DeploymentOutcome]:
    """Return the outcomes of the newest deployments.

    Only who may write to the repository can create deployments. A deployment whose answer is not as
    documented is left out.
    """
    return [
        outcome
        for each in _newest(client, limit)
        for status in _statuses(client, each)
        if (outcome := _outcome(each, status)) is not None
    ]


def _newest(client: Client, limit: int) -> Iterator[dict[str, Any]]:
    n_left = limit
    for page in client.pages("deployments"):
        yield from page[:n_left]
        n_left -= len(page)
        if n_left <= 0:
            return


def _statuses(client: Client, deployment: dict[str, Any]) -> list[dict[str, Any]]:
    number = deployment.get("id")
    if not isinstance(number, int) or isinstance(number, bool):
        raise GitHubError("NX668", f"GitHub lists a deployment with the number {number!r}")
    return next(iter(client.pages(f"deployments/{number}/statuses")), [])


def _outcome(deployment: dict[str, Any], status: dict[str, Any]) -> DeploymentOutcome | None:
    commit, environment = commit_of(deployment.get("sha")), deployment.get("environment")
    state, at = _STATUSES.get(str(status.get("state"))), moment_of(status.get("created_at"))
    if state is None or at is None or commit is None or not isinstance(environment, str):
        return None
    return DeploymentOutcome(commit, state, environment[:_MOST_CHARS], at, "github")


def commit_of(value: object) -> str | None:
    """Return a value of an answer if it is the id of a commit, else None."""
    return value if isinstance(value, str) and _COMMIT.fullmatch(value) else None


def moment_of(text: object) -> float | None:
    """Return a time of an answer in seconds since the epoch; None if it is no time with a zone."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo is not None else None
