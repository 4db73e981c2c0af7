"""Keep one comment on a pull request up to date, if the token may write comments."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.ci.github_event import pull_request_number
from pytest_nexus.domain.system.console import warn
from pytest_nexus.errors import GitHubError, NotAllowedError, with_code
from pytest_nexus.github.connect import connect
from pytest_nexus.report.formats.comment import comment_body, is_worth_a_comment, marker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_nexus.github.client import Client
    from pytest_nexus.report.ci.summary import Summary

_TRIES: Final = 3
_PATIENCE_S: Final = 30.0
"""Longest wait for a rate limit; a comment is not worth a waiting job."""


def comment(
    summary: Summary,
    lines: Callable[[str], int | None],
    name: str,
    environ: Mapping[str, str],
) -> None:
    """Write or update the comment; do nothing without a pull request or without permission."""
    number = pull_request_number(environ)
    if number is None or not environ.get("GITHUB_REPOSITORY") or not environ.get("GITHUB_TOKEN"):
        return
    try:
        client = connect(None, None, environ)
        keep_comment(
            replace(client, tries=_TRIES, max_wait_s=_PATIENCE_S),
            number,
            marker(name),
            comment_body(summary, lines, name),
            is_new_wanted=is_worth_a_comment(summary),
        )
    except NotAllowedError:
        return  # a pull request from a fork: its token may only read
    except GitHubError as exc:
        warn(with_code("NX818", f"nexus: no comment was written: {exc}"))


def keep_comment(
    client: Client, number: int, marker: str, body: str, *, is_new_wanted: bool
) -> bool:
    """Write or update the comment that begins with a marker; return whether the comment exists.

    Only a comment by a bot counts as ours: anyone may write the marker into a comment.

    Args:
        client: of the repository.
        number: of the pull request.
        marker: the invisible first line of the comment.
        body: the comment, including the marker.
        is_new_wanted: whether to write the comment if there is none yet.
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
