"""Read which commits repaired a deployed one, from labels of closed issues and pull requests.

https://docs.github.com/en/rest/issues/issues, …/pulls/pulls and …/issues/events
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.github.pull_deployments import commit_of, moment_of
from pytest_nexus.plan.delivery.commit_outcomes import DeploymentOutcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_nexus.github.client import Client

MOST_ISSUES: Final = 500
"""The issues and pull requests that were changed last; each costs one more request."""

_MOST_PAGES: Final = 10
"""Pages of events that are read of one issue; the closing event of a longer one is not found."""


def hotfix_outcomes(
    client: Client, label: str, environment: str, limit: int = MOST_ISSUES
) -> list[DeploymentOutcome]:
    """Return the commits of closed issues and merged pull requests with a label, as hotfixes.

    Only who may triage the repository can set labels. A pull request counts by the commit that it
    was merged as, and an issue by the commit that closed it. An issue that was closed without a
    commit does not count, nor does a commit of a fork. An answer that is not as documented is left
    out.

    Args:
        client: of the repository.
        label: its name; GitHub does not tell upper from lower case.
        environment: where the hotfixes are deployed.
        limit: the most issues and pull requests to read.
    """
    found = [_outcome(client, each, environment) for each in _labelled(client, label, limit)]
    return [each for each in found if each is not None]


def _labelled(client: Client, label: str, limit: int) -> Iterator[dict[str, Any]]:
    n_left = limit
    for page in client.pages("issues", labels=label, state="closed", sort="updated"):
        yield from (each for each in page[:n_left] if label.lower() in _labels(each))
        n_left -= len(page)
        if n_left <= 0:
            return


def _labels(issue: dict[str, Any]) -> set[str]:
    """Return the names of the labels in lower case; GitHub writes a label as text or as object."""
    labels = issue.get("labels")
    names = [each.get("name") if isinstance(each, dict) else each
             for each in (labels if isinstance(labels, list) else [])]  # fmt: skip
    return {each.lower() for each in names if isinstance(each, str)}


def _outcome(client: Client, issue: dict[str, Any], environment: str) -> DeploymentOutcome | None:
    number = issue.get("number")
    if not isinstance(number, int) or isinstance(number, bool) or issue.get("state") != "closed":
        return None
    read = _merged if isinstance(issue.get("pull_request"), dict) else _closed_by
    commit, at = read(client, number)
    if commit is None or at is None:
        return None
    return DeploymentOutcome(commit, "hotfix", environment, at, "github")


def _merged(client: Client, number: int) -> tuple[str | None, float | None]:
    """Return the commit of a merged pull request, and when it was merged.

    A pull request that was not merged has a `merge_commit_sha` too: that of a trial.
    """
    found = client.get(f"pulls/{number}")
    if not isinstance(found, dict) or found.get("merged") is not True:
        return None, None
    return commit_of(found.get("merge_commit_sha")), moment_of(found.get("merged_at"))


def _closed_by(client: Client, number: int) -> tuple[str | None, float | None]:
    """Return the commit that closed an issue last, and when.

    An event can name a commit of a fork; its address tells the repository.
    """
    last: dict[str, Any] = {}
    for at, page in enumerate(client.pages(f"issues/{number}/events"), 1):
        last = next((each for each in reversed(page) if each.get("event") == "closed"), last)
        if at == _MOST_PAGES:
            break
    commit = commit_of(last.get("commit_id"))
    own = f"/repos/{client.repository}/commits/{commit}".lower()
    if not str(last.get("commit_url")).lower().endswith(own):
        return None, None
    return commit, moment_of(last.get("created_at"))
