"""One comment on a pull request, kept up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_nexus.github.client import Client


def keep_comment(
    client: Client, number: int, marker: str, body: str, *, is_new_wanted: bool
) -> bool:
    """Write the comment of a pull request that begins with a marker; return whether one is there.

    Only a comment that a bot wrote is taken for ours: anyone may write the marker into one.

    Args:
        client: of the repository.
        number: of the pull request.
        marker: first line of the comment, invisible.
        body: the comment, marker included.
        is_new_wanted: whether to write one where there is none yet.
    """
    own = _own(client, number, marker)
    if own is not None:
        client.send("PATCH", f"issues/comments/{own}", {"body": body})
    elif is_new_wanted:
        client.send("POST", f"issues/{number}/comments", {"body": body})
    return own is not None or is_new_wanted


def _own(client: Client, number: int, marker: str) -> int | None:
    for page in client.pages(f"issues/{number}/comments"):
        for comment in page:
            if _is_ours(comment, marker):
                return int(comment["id"])
    return None


def _is_ours(comment: dict[str, Any], marker: str) -> bool:
    user = comment.get("user")
    is_bot = isinstance(user, dict) and user.get("type") == "Bot"
    body = comment.get("body")
    starts = isinstance(body, str) and body.startswith(marker)
    return is_bot and starts and isinstance(comment.get("id"), int)
