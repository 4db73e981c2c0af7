"""Find the commits of forks that the repository has accepted since."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.domain.system.git import Git

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


def accepted(
    heads: Iterable[str], branch: str, root: Path, environ: Mapping[str, str]
) -> list[str]:
    """Return the commits that are on a branch, according to git in `root`.

    Raises:
        GitError: git cannot answer, or the branch does not exist.
    """
    wanted = set(heads)
    if not wanted:
        return []
    commits = Git(root, environ).run("rev-list", "--end-of-options", branch, "--")
    return sorted(wanted.intersection(commits.decode("ascii", "replace").split()))
