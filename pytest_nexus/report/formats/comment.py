"""Write the comment on a pull request: the verdict, and the facts its author can act on. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pytest_nexus.report.formats.markdown import (
    dependent_section,
    fitted,
    flaky_section,
    gains_section,
    headline,
    known_section,
    model_section,
    new_section,
    proof_section,
    selection_section,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_nexus.report.ci.summary import Summary

MAX_BYTES: Final = 60_000
"""GitHub accepts 65,536 characters."""

_NOT_IN_A_NAME: Final = re.compile(r"[^\w. ]+")


def marker(name: str) -> str:
    """Return the first line of the comment, which is invisible and identifies the comment.

    >>> marker("unit tests")
    '<!-- pytest-nexus report: unit tests -->'
    """
    return f"<!-- pytest-nexus report: {_NOT_IN_A_NAME.sub('-', name)[:100]} -->"


def comment_body(summary: Summary, lines: Callable[[str], int | None], name: str = "") -> str:
    """Return the comment, including the marker."""
    sections = [
        f"{marker(name)}\n{headline(summary)}",
        selection_section(summary, lines),
        proof_section(summary, lines) if summary.problems else "",
        new_section(summary, lines),
        flaky_section(summary, lines),
        dependent_section(summary, lines),
        known_section(summary, lines),
        gains_section(summary, lines),
        _footer(summary, lines),
    ]
    return fitted(filter(None, sections), MAX_BYTES)


def _footer(summary: Summary, lines: Callable[[str], int | None]) -> str:
    """Return the footer: what decided the order, the commit, and where to find more."""
    links, commit = summary.links, summary.commit
    page = f"[the whole report]({links.run}), " if links.run else ""
    about = f"<sub>{page}commit {commit[:9]}</sub><br>" if links.commit(commit) else ""
    return about + model_section(summary, lines)


def is_worth_a_comment(summary: Summary) -> bool:
    """Return whether a pull request without a comment should get one; a clean run needs none."""
    found = ("healed", "order-dependent", "quarantined")
    return not summary.is_good or any(result.status in found for result in summary.results)
