"""Read branches, commits and the pull request from GitHub's event file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.system.originals import loads
from pytest_nexus.domain.system.regular_files import read_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_EVENT_BYTES: Final = 8 * 1024 * 1024
"""Larger event files are ignored; GitHub's files have about 20 kB."""

_VARIABLE: Final = "GITHUB_EVENT_PATH"
_BASES: Final = (("pull_request", "base", "sha"), ("merge_group", "base_sha"), ("before",))
"""Fields of an event that hold the base; a pull request's own `before` is its last push."""


def event_base(environ: Mapping[str, str]) -> str:
    """Return the base commit that the event names; empty without a base commit.

    A pull request may influence the event, so the caller must check the result.
    """
    event = _read_event(environ)
    return next(filter(None, (_text_at(event, keys) for keys in _BASES)), "")


def queue_base(environ: Mapping[str, str]) -> str:
    """Return the target branch of a merge queue; empty without one."""
    return _text_at(_read_event(environ), ("merge_group", "base_ref"))


def event_default_branch(environ: Mapping[str, str]) -> str:
    """Return the default branch of the repository; empty if the event does not name the branch."""
    return _text_at(_read_event(environ), ("repository", "default_branch"))


def pull_request_number(environ: Mapping[str, str]) -> int | None:
    """Return the number of the event's pull request; None without a pull request."""
    event = _read_event(environ)
    request = event.get("pull_request") if isinstance(event, dict) else None
    number = request.get("number") if isinstance(request, dict) else None
    return number if type(number) is int and 0 < number < 2**31 else None


def _text_at(value: object, keys: tuple[str, ...]) -> str:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


def _read_event(environ: Mapping[str, str]) -> object:
    """Return the event; None if the file is missing, irregular, too large or not JSON."""
    path = environ.get(_VARIABLE, "")
    if not path:
        return None
    try:
        return loads(read_bytes(Path(path), MAX_EVENT_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
