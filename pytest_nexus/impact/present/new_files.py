"""Find the files that are new or gone since a run recorded what its tests used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.system.git import Git, GitError
from pytest_nexus.impact.git_output import read_commits
from pytest_nexus.impact.untracked import drop_artefacts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

MOST_COMMITS: Final = 30
"""Number of commits that are compared with the present files; each costs a process of git."""

_APPEARED: Final = (
    *("diff", "-z", "--name-status", "--diff-filter=AD", "--no-renames", "--relative"),
    *("--no-color", "--no-ext-diff", "--no-textconv", "--ignore-submodules=all"),
)
_UNTRACKED: Final = ("ls-files", "-z", "--others", "--exclude-standard")
_ENVIRONMENT: Final = "/pyvenv.cfg"


class RunFiles(NamedTuple):
    """What a run recorded about the files that differed from its commit."""

    added: frozenset[str] = frozenset()
    """Files that existed in that run, although its commit may lack them."""
    deleted: frozenset[str] = frozenset()
    """Files that were missing in that run, although its commit may have them."""


class NewFiles(NamedTuple):
    """The files that are new compared with some runs."""

    since: Mapping[str, frozenset[str]]
    """New files by run; runs whose commit cannot be compared are left out."""
    problem: str = ""
    """Why nothing is known at all, in one sentence; empty if git answered."""
    gone: Mapping[str, frozenset[str]] = {}
    """For the same runs, the files of its commit that were there and are gone."""


def find_new_files(
    root: Path,
    environ: Mapping[str, str],
    commits: Mapping[str, str | None],
    recorded: Mapping[str, RunFiles],
) -> NewFiles:
    """Return the files below the root that runs did not have; never raises.

    Args:
        root: the folder to which paths are relative.
        environ: the environment of this process.
        commits: commit by run, the most important runs first.
        recorded: what runs recorded about files that differed from their commits.
    """
    git = Git(root, environ)
    try:
        untracked = _untracked(git)
        wanted = list(dict.fromkeys(commit for commit in commits.values() if commit))
        known = _known(git, wanted)
    except GitError as exc:
        return NewFiles({}, str(exc))
    changes = {commit: _changes(git, commit) for commit in known[:MOST_COMMITS]}
    since: dict[str, frozenset[str]] = {}
    gone: dict[str, frozenset[str]] = {}
    for run, commit in commits.items():
        tracked = changes.get(commit or "")
        if tracked is None:
            continue
        there = recorded.get(run, RunFiles())
        reappeared = (path for path in there.deleted if (root / path).is_file())
        since[run] = ((tracked.added | untracked) - there.added).union(reappeared)
        gone[run] = tracked.deleted - there.deleted
    return NewFiles(since, gone=gone)


def _untracked(git: Git) -> frozenset[str]:
    paths = drop_artefacts(_paths(git.run(*_UNTRACKED)))
    environments = {path.removesuffix("pyvenv.cfg") for path in paths if _marks(path)}
    return frozenset(path for path in paths if not _is_in(path, environments))


def _marks(path: str) -> bool:
    return f"/{path}".endswith(_ENVIRONMENT)


def _is_in(path: str, folders: Collection[str]) -> bool:
    return any(path.startswith(folder) for folder in folders)


def _known(git: Git, commits: list[str]) -> list[str]:
    """Return the commits that exist in this clone."""
    lines = "".join(f"{commit}^{{commit}}\n" for commit in commits if commit.isalnum())
    output = git.run("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=lines.encode())
    return [commit for commit in read_commits(output) if commit]


def _changes(git: Git, commit: str) -> RunFiles | None:
    """Return the files that the present has beyond a commit, and those that it lacks."""
    try:
        fields = iter(_paths(git.run(*_APPEARED, commit, "--")))
    except GitError:
        return None
    found: dict[str, list[str]] = {"A": [], "D": []}
    for status, path in zip(fields, fields, strict=False):
        found.setdefault(status, []).append(path)
    added, deleted = (frozenset(drop_artefacts(found[status])) for status in "AD")
    return RunFiles(added, deleted)


def _paths(output: bytes) -> Iterable[str]:
    return output.decode("utf-8", "surrogateescape").split("\0")[:-1]
