"""What the CI says about a run before git is asked: its branch, and what to compare with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_nexus.bound import loads
from pytest_nexus.regular_files import read_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_EVENT_BYTES: Final = 8 * 1024 * 1024
"""A larger event file is not read; GitHub's are about 20 kB."""

MERGED: Final = "HEAD^1"
"""On a pull request the CI checks out a merge, whose first parent is the base branch."""

_MAX_NAME_CHARS: Final = 200
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NOT_IN_A_REF: Final = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|^[-/]|[/.]$")

# Of the names of one CI those that only a pull request has come first.
_BRANCHES: Final = (
    "GITHUB_HEAD_REF",
    "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME",
    "CI_COMMIT_BRANCH",
    "CIRCLE_BRANCH",
    "BUILDKITE_BRANCH",
    "BITBUCKET_BRANCH",
    "SYSTEM_PULLREQUEST_SOURCEBRANCH",
    "CHANGE_BRANCH",
    "BRANCH_NAME",
    "GIT_BRANCH",
)
_TARGET_BRANCHES: Final = (
    "GITHUB_BASE_REF",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME",
    "BUILDKITE_PULL_REQUEST_BASE_BRANCH",
    "BITBUCKET_PR_DESTINATION_BRANCH",
    "SYSTEM_PULLREQUEST_TARGETBRANCH",
    "CHANGE_TARGET",
)
_BASE_COMMITS: Final = (
    "CI_MERGE_REQUEST_DIFF_BASE_SHA",
    "BITBUCKET_PR_DESTINATION_COMMIT",
    "CI_COMMIT_BEFORE_SHA",
    "GIT_PREVIOUS_SUCCESSFUL_COMMIT",
)
_DEFAULT_BRANCHES: Final = ("CI_DEFAULT_BRANCH", "BUILDKITE_PIPELINE_DEFAULT_BRANCH")
_EVENT_BASES: Final = (("pull_request", "base", "sha"), ("merge_group", "base_sha"), ("before",))
"""Where GitHub's events name the base; a pull request's own `before` is its branch's last push."""


def branch(environ: Mapping[str, str]) -> str | None:
    """Return the branch the CI says it runs, None for a tag or outside a CI.

    On a pull request it is the branch that asks to be merged.

    >>> branch({"GITHUB_HEAD_REF": "", "GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "main"})
    'main'
    """
    names = _names(environ, _BRANCHES)
    if environ.get("GITHUB_REF_TYPE") == "branch":
        names += _names(environ, ("GITHUB_REF_NAME",))
    if environ.get("BUILD_SOURCEBRANCH", "").startswith("refs/heads/"):
        names += _names(environ, ("BUILD_SOURCEBRANCH",))
    return next(iter(names), None)


def target_branch(environ: Mapping[str, str]) -> str | None:
    """Return the branch that a change is to be merged into; None where there is none.

    Of a merge queue only the event says it.

    >>> target_branch({"GITHUB_BASE_REF": "main"})
    'main'
    """
    names = _names(environ, _TARGET_BRANCHES)
    return names[0] if names else _branch_name(_queue_base(environ.get("GITHUB_EVENT_PATH", "")))


def named_bases(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the revisions the CI names as what this run's change is based on, best first.

    The branch that a pull request is to be merged into, else the commit that was there before a
    push. Reads the event file of GitHub Actions, which a pull request may have a say in: only
    full commit ids are taken from it.
    """
    targets = _names(environ, _TARGET_BRANCHES)
    commits = [environ.get(variable, "") for variable in _BASE_COMMITS]
    commits.append(_event_base(environ.get("GITHUB_EVENT_PATH", "")))
    return (
        *(f"refs/remotes/origin/{target}" for target in targets),
        *([MERGED] if targets else []),
        *(commit for commit in commits if _COMMIT.fullmatch(commit) and commit.strip("0")),
        *(f"refs/heads/{target}" for target in targets),
    )


def default_branches(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the references that may be the default branch, best first."""
    names = (*_names(environ, _DEFAULT_BRANCHES), "HEAD", "main", "master")
    remote = [f"refs/remotes/origin/{name}" for name in names]
    return (*remote, *(f"refs/heads/{name}" for name in names if name != "HEAD"))


def default_branch(environ: Mapping[str, str]) -> str | None:
    """Return the default branch that the CI names; None where it names none."""
    names = _names(environ, _DEFAULT_BRANCHES)
    event = environ.get("GITHUB_EVENT_PATH", "")
    named = _text_at(_read_event(Path(event)), ("repository", "default_branch")) if event else ""
    return names[0] if names else _branch_name(named)


def pull_request_number(environ: Mapping[str, str]) -> int | None:
    """Return the number of the pull request that GitHub's event is about; None without one."""
    path = environ.get("GITHUB_EVENT_PATH", "")
    event = _read_event(Path(path)) if path else None
    request = event.get("pull_request") if isinstance(event, dict) else None
    number = request.get("number") if isinstance(request, dict) else None
    return number if type(number) is int and 0 < number < 2**31 else None


def _names(environ: Mapping[str, str], variables: tuple[str, ...]) -> list[str]:
    names = (_branch_name(environ.get(variable, "")) for variable in variables)
    return [name for name in names if name]


def _branch_name(text: str) -> str | None:
    name = text.removeprefix("refs/heads/").removeprefix("origin/")
    if not name or len(name) > _MAX_NAME_CHARS or _NOT_IN_A_REF.search(name):
        return None
    return name if name.isprintable() else None


def _event_base(path: str) -> str:
    event = _read_event(Path(path)) if path else None
    return next(filter(None, (_text_at(event, keys) for keys in _EVENT_BASES)), "")


def _queue_base(path: str) -> str:
    return _text_at(_read_event(Path(path)), ("merge_group", "base_ref")) if path else ""


def _text_at(value: object, keys: tuple[str, ...]) -> str:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


def _read_event(path: Path) -> object:
    """Return the event, or None for what is missing, no plain file, too large or no JSON."""
    try:
        return loads(read_bytes(path, MAX_EVENT_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
