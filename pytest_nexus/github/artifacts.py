"""List the artifacts to take in, and decide whether their runs are trusted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from pytest_nexus.domain.records import Trust
    from pytest_nexus.github.client import Client

_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_LISTING: Final = "actions/artifacts"


@dataclass(frozen=True, slots=True)
class Artifact:
    """One artifact, as GitHub describes it; no field comes from the artifact's content."""

    number: int
    name: str
    n_bytes: int
    """Size of the archive."""
    is_expired: bool
    trust: Trust
    head: str | None
    """Commit of the branch or pull request of its run."""


def unseen(client: Client, seen: Collection[int], prefix: str, limit: int) -> list[Artifact]:
    """Return the unseen artifacts, oldest first, but at most the newest `limit`.

    The listing has the newest artifacts first. Reading stops at a page with a seen artifact and
    without unseen ones: artifacts are taken in oldest first, so all later pages were seen too. An
    item that moves to a later page meanwhile appears twice, and counts once.
    """
    found: dict[int, Artifact] = {}
    for page in client.pages(_LISTING, "artifacts"):
        ours = [one for one in _described(page) if one.name.startswith(prefix)]
        fresh = [one for one in ours if one.number not in seen]
        found.update((one.number, one) for one in fresh)
        if (ours and not fresh) or len(found) >= limit:
            break
    newest = sorted(found, reverse=True)[:limit]
    return [found[number] for number in reversed(newest)]


def single(client: Client, number: int) -> Artifact | None:
    """Return one artifact by its number; None if the answer is invalid."""
    return next(_described([client.get(f"{_LISTING}/{number}")]), None)


def download_path(number: int) -> str:
    """Return the path of an artifact's archive, below the repository."""
    return f"{_LISTING}/{number}/zip"


def _described(items: list[Any]) -> Iterator[Artifact]:
    for item in items:
        if not isinstance(item, dict):
            continue
        number, name = item.get("id"), item.get("name")
        if isinstance(number, int) and isinstance(name, str) and 0 < number < 2**63:
            size = item.get("size_in_bytes")
            run = item.get("workflow_run")
            yield Artifact(
                number,
                name,
                size if isinstance(size, int) else 0,
                item.get("expired") is True,
                _trust(run),
                _head(run),
            )


def _trust(run: Any) -> Trust:
    """Return `trusted` only if GitHub says that the code was in the repository itself.

    A deleted fork has no id any more. Without an id, the run is not trusted.
    """
    if not isinstance(run, dict):
        return "fork"
    head, own = run.get("head_repository_id"), run.get("repository_id")
    return "trusted" if isinstance(head, int) and head == own else "fork"


def _head(run: Any) -> str | None:
    sha = run.get("head_sha") if isinstance(run, dict) else None
    return sha if isinstance(sha, str) and _COMMIT.fullmatch(sha) else None
