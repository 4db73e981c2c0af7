"""The branch that a change is measured against, as the CI or git says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.impact.event import default_branch, target_branch
from pytest_nexus.impact.git import Git, GitError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ORIGIN: Final = "refs/remotes/origin/HEAD"


def base_branch(root: Path, environ: Mapping[str, str]) -> str:
    """Return the branch that a change is to be merged into, else the default one; or nothing.

    CircleCI, and a push to a branch without a pull request, do not say where a change is to go.
    """
    named = target_branch(environ) or default_branch(environ)
    return named or behind(root, environ, ORIGIN)


def behind(root: Path, environ: Mapping[str, str], reference: str) -> str:
    """Return the branch that a symbolic reference of git names, empty where it names none."""
    try:
        name = Git(root, environ).run("symbolic-ref", "--short", reference)
    except GitError:
        return ""
    return name.decode("utf-8", "replace").strip().removeprefix("origin/")
