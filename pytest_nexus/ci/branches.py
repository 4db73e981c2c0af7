"""Find the branches that a CI names: the current, target, default and base branch.

CircleCI does not name the target branch of a change. No CI names a target for a push to a branch.
In these cases git is asked.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

from pytest_nexus.ci.github_event import event_base, event_default_branch, queue_base
from pytest_nexus.ci.providers import providers
from pytest_nexus.domain.system.git import Git, GitError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

MERGED: Final = "HEAD^1"
"""On a pull request the CI checks out a merge commit; its first parent is the base branch."""
ORIGIN: Final = "refs/remotes/origin/HEAD"

_MAX_NAME_CHARS: Final = 200
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NOT_IN_A_REF: Final = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|^[-/]|[/.]$")


def branch(environ: Mapping[str, str]) -> str | None:
    """Return the branch that the CI names as running; None for a tag or outside a CI.

    On a pull request this is the source branch.

    >>> branch({"GITHUB_HEAD_REF": "", "GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "main"})
    'main'
    """
    names = _names(environ, _variables(environ, "branches"))
    if environ.get("GITHUB_REF_TYPE") == "branch":
        names += _names(environ, ("GITHUB_REF_NAME",))
    if environ.get("BUILD_SOURCEBRANCH", "").startswith("refs/heads/"):
        names += _names(environ, ("BUILD_SOURCEBRANCH",))
    return next(iter(names), None)


def target_branch(environ: Mapping[str, str]) -> str | None:
    """Return the branch into which a change is to be merged; None if there is no such branch.

    For a merge queue, only the event names this branch.

    >>> target_branch({"GITHUB_BASE_REF": "main"})
    'main'
    """
    names = _names(environ, _variables(environ, "target_branches"))
    return names[0] if names else _branch_name(queue_base(environ))


def named_bases(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the base revisions of this run's change that the CI names, best first.

    This is the target branch of a pull request, or else the commit before a push. The function
    reads the event file of GitHub Actions. A pull request may influence that file, so only full
    commit ids are taken from it.
    """
    targets = _names(environ, _variables(environ, "target_branches"))
    commits = [environ.get(variable, "") for variable in _variables(environ, "base_commits")]
    commits.append(event_base(environ))
    return (
        *(f"refs/remotes/origin/{target}" for target in targets),
        *([MERGED] if targets else []),
        *(commit for commit in commits if _COMMIT.fullmatch(commit) and commit.strip("0")),
        *(f"refs/heads/{target}" for target in targets),
    )


def default_branches(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the possible references of the default branch, best first."""
    names = (*_names(environ, _variables(environ, "default_branches")), "HEAD", "main", "master")
    remote = [f"refs/remotes/origin/{name}" for name in names]
    return (*remote, *(f"refs/heads/{name}" for name in names if name != "HEAD"))


def default_branch(environ: Mapping[str, str]) -> str | None:
    """Return the default branch that the CI names; None if the CI names none."""
    names = _names(environ, _variables(environ, "default_branches"))
    return names[0] if names else _branch_name(event_default_branch(environ))


def base_branch(root: Path, environ: Mapping[str, str]) -> str:
    """Return the target branch of a change, or else the default branch; empty if unknown."""
    named = target_branch(environ) or default_branch(environ)
    return named or behind(root, environ, ORIGIN)


def behind(root: Path, environ: Mapping[str, str], reference: str) -> str:
    """Return the branch behind a symbolic reference of git; empty if there is no such branch."""
    try:
        name = Git(root, environ).run("symbolic-ref", "--short", reference)
    except GitError:
        return ""
    return name.decode("utf-8", "replace").strip().removeprefix("origin/")


def _variables(
    environ: Mapping[str, str],
    field: Literal["branches", "target_branches", "base_commits", "default_branches"],
) -> list[str]:
    """Return the values of one kind of variable, for all CIs."""
    return [name for each in providers(environ) for name in getattr(each, field)]


def _names(environ: Mapping[str, str], variables: Iterable[str]) -> list[str]:
    names = (_branch_name(environ.get(variable, "")) for variable in variables)
    return [name for name in names if name]


def _branch_name(text: str) -> str | None:
    name = text.removeprefix("refs/heads/").removeprefix("origin/")
    if not name or len(name) > _MAX_NAME_CHARS or _NOT_IN_A_REF.search(name):
        return None
    return name if name.isprintable() else None
