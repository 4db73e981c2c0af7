"""Keeps the comment of a pull request, where the token may write one; silent where not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.ci.github_event import pull_request_number
from pytest_nexus.cli.connecting import connect
from pytest_nexus.cli.saying import warn
from pytest_nexus.errors import GitHubError, NotAllowedError
from pytest_nexus.github.commenting import keep_comment
from pytest_nexus.report.comment import comment_body, is_worth_a_comment, marker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_nexus.report.summary import Summary

_PATIENCE_S: Final = 30.0
"""A comment is not worth a job that waits for a limit."""


def comment(
    summary: Summary,
    lines: Callable[[str], int | None],
    name: str,
    environ: Mapping[str, str],
) -> None:
    """Write or renew the comment; where there is no pull request or no right, do nothing."""
    number = pull_request_number(environ)
    if number is None or not environ.get("GITHUB_REPOSITORY") or not environ.get("GITHUB_TOKEN"):
        return
    try:
        client = connect(None, None, environ)
        client.tries, client.max_wait_s = 3, _PATIENCE_S
        keep_comment(
            client,
            number,
            marker(name),
            comment_body(summary, lines, name),
            is_new_wanted=is_worth_a_comment(summary),
        )
    except NotAllowedError:
        return  # a pull request from a fork: the token reads only
    except GitHubError as exc:
        warn(f"nexus: no comment was written: {exc}")
