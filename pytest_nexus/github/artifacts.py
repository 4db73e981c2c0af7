"""Which artifacts there are to take in, and whose they are."""

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
    """One artifact, as GitHub describes it; nothing of this comes from its content."""

    number: int
    name: str
    n_bytes: int
    """Of the archive."""
    is_expired: bool
    trust: Trust
    head: str | None
    """Commit of the branch or pull request that its run was for."""


def unseen(client: Client, seen: Collection[int], prefix: str, limit: int) -> list[Artifact]:
    """Return the artifacts that were not looked at, oldest first, at most the newest `limit`.

    The listing has the newest first. It is read until a page shows nothing that is new and
    something that was seen: they are taken oldest first, so that all behind was seen too. Items
    that move to a later page meanwhile come twice, and count once.
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
    """Return one artifact by its number; None if the answer makes no sense."""
    return next(_described([client.get(f"{_LISTING}/{number}")]), None)


def download_path(number: int) -> str:
    """Return the path below the repository that gives the archive of an artifact."""
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
    """Return `trusted` only where GitHub says that the code was in the repository itself.

    A fork that was deleted has no id any more, and what is not said is not trusted.
    """
    if not isinstance(run, dict):
        return "fork"
    head, own = run.get("head_repository_id"), run.get("repository_id")
    return "trusted" if isinstance(head, int) and head == own else "fork"


def _head(run: Any) -> str | None:
    sha = run.get("head_sha") if isinstance(run, dict) else None
    return sha if isinstance(sha, str) and _COMMIT.fullmatch(sha) else None
