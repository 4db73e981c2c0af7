"""Ask git about the commits among which a test broke. Reads only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.records import Change
from pytest_nexus.domain.system import clock
from pytest_nexus.domain.system.git import Git, GitError
from pytest_nexus.errors import HuntError
from pytest_nexus.impact import git_output

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MOST_COMMITS: Final = 10_000
"""Each step looks at all commits that each commit contains."""

_SECONDS: Final = 300.0
"""Limit of all git commands before the first run; a large checkout takes a while."""

_PRESENT: Final = "--diff-filter=R"
_RENAMES: Final = ("-M", "--raw", "-z", "--no-abbrev", "-l400")


class PastCommit(NamedTuple):
    """One commit that may have broken the test."""

    commit: str
    parents: tuple[str, ...]
    subject: str
    change: Change
    """The files that differ from the first parent."""


def git_in(folder: Path, environ: Mapping[str, str]) -> Git:
    """Return git that starts no hook and fetches no large files, with a generous time limit."""
    return Git(folder, {**environ, "GIT_LFS_SKIP_SMUDGE": "1"}, clock.perf_counter() + _SECONDS)


def resolved(git: Git, revision: str) -> str:
    """Return the commit that a revision names.

    Raises:
        HuntError: it names none in this clone.
    """
    (commit,) = git_output.read_commits(
        git.run(
            "cat-file",
            "--batch-check=%(objectname) %(objecttype)",
            stdin=f"{revision}^{{commit}}\n".encode(),
        )
    )
    if commit is None:
        how = ": `git fetch --unshallow`" if is_shallow(git) else ""
        raise HuntError("NX651", f"{revision!r} names no commit of this clone; fetch it first{how}")
    return commit


def is_shallow(git: Git) -> bool:
    """Return whether git has only the newest commits of a repository."""
    return git.run("rev-parse", "--is-shallow-repository").strip() == b"true"


def contains(git: Git, descendant: str, commit: str) -> bool:
    """Return whether a commit contains another commit."""
    bases = git.run("merge-base", "--all", descendant, commit) if commit != descendant else b""
    return commit == descendant or commit in bases.decode().split()


def commits_between(git: Git, good: str, bad: str) -> list[PastCommit]:
    """Return the commits that the bad commit contains and the good one does not.

    Each commit comes after its parents.

    Raises:
        HuntError: there are none, or too many.
    """
    whole = git.run("rev-list", "--topo-order", "--reverse", "--parents", bad, f"^{good}")
    lines = [line.split() for line in whole.decode().splitlines()]
    if not lines:
        raise HuntError(
            "NX652", f"the good commit {good[:12]} contains the bad one {bad[:12]}; exchange them"
        )
    if len(lines) > MOST_COMMITS:
        raise HuntError(
            "NX653",
            f"there are {len(lines):,} commits between {good[:12]} and {bad[:12]}, and nexus looks"
            f" at {MOST_COMMITS:,} at most; name a nearer one with --good",
        )
    subjects, changes = _subjects(git, good, bad), _changes(git, good, bad)
    return [
        PastCommit(commit, tuple(parents), subjects.get(commit, ""), changes.get(commit, Change()))
        for commit, *parents in lines
    ]


def path_at(git: Git, commit: str, bad: str, path: str) -> str:
    """Return the path that a file of the bad commit had at an earlier one, as git sees renames."""
    output = git.run("diff", *_RENAMES, _PRESENT, "--no-ext-diff", commit, bad)
    renames = Change(files=git_output.read_diff(output)).renames
    return renames.get(path, path)


def prefix_of(git: Git) -> str:
    """Return the folder of git as a path from the top of its repository, ending in `/`."""
    return git.run("rev-parse", "--show-prefix").decode("utf-8", "surrogateescape").strip("\n")


def top_of(git: Git) -> str:
    """Return the top of the checkout."""
    return git.run("rev-parse", "--show-toplevel").decode("utf-8", "surrogateescape").strip("\n")


def _subjects(git: Git, good: str, bad: str) -> dict[str, str]:
    text = git.run("log", "-z", "--format=%H %s", bad, f"^{good}").decode("utf-8", "replace")
    pairs = (each.partition(" ") for each in text.split("\0") if each)
    return {commit: subject for commit, _, subject in pairs}


def _changes(git: Git, good: str, bad: str) -> dict[str, Change]:
    """Return the change of each commit; none if git prints too much, or in too much time."""
    try:
        output = git.run(
            "log", "-z", "--format=%x01%H", "--raw", "--numstat", "--no-abbrev", "-M", "-l400",
            "--diff-merges=first-parent", "--no-ext-diff", bad, f"^{good}",
        )  # fmt: skip
        return dict(map(_change, output.split(b"\x01")[1:]))
    except (GitError, ValueError, IndexError):
        return {}


def _change(part: bytes) -> tuple[str, Change]:
    commit, _, diff = part.partition(b"\0")
    ended = diff.strip(b"\n\0") + b"\0"
    files = git_output.read_diff(ended) if len(ended) > 1 else ()
    return commit.decode("ascii", "replace"), Change(files=files)
