"""Read the commits of a branch, and the files that they change, from git."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.records import Change
from pytest_nexus.domain.system.git import GitError
from pytest_nexus.impact import git_output
from pytest_nexus.plan.delivery.commit_outcomes import LoggedCommit

if TYPE_CHECKING:
    from pytest_nexus.domain.system.git import Git

MOST_COMMITS: Final = 5000
"""The newest commits of the branch; a repair is rarely further from what it repairs."""

MOST_CHANGES: Final = 2000
"""The newest changes of the branch whose files are read."""

_FORMAT: Final = "%H%n%ct%n%B"


def logged_commits(git: Git, revision: str = "HEAD") -> list[LoggedCommit]:
    """Return the newest commits that a revision contains, the newest first.

    Raises:
        GitError: git cannot read them.
    """
    output = git.run(
        "log", "-z", f"--format={_FORMAT}", f"--max-count={MOST_COMMITS}", "--end-of-options",
        revision,
    )  # fmt: skip
    found = []
    for text in output.decode("utf-8", "replace").split("\0"):
        commit, _, rest = text.partition("\n")
        at, _, message = rest.partition("\n")
        if at.isdigit():
            found.append(LoggedCommit(commit, float(at), message))
    return found


def logged_changes(git: Git, revision: str = "HEAD") -> list[tuple[str, Change]]:
    """Return the newest commits on the first parents of a revision, with their changed files.

    The newest commit comes first. Without an answer of git, nothing is returned.
    """
    try:
        output = git.run(
            "log", "-z", "--format=%x01%H", "--raw", "--numstat", "--no-abbrev", "--no-renames",
            "--first-parent", "--diff-merges=first-parent", "--no-ext-diff", "--relative",
            f"--max-count={MOST_CHANGES}", "--end-of-options", revision,
        )  # fmt: skip
        return [_change(part) for part in output.split(b"\x01")[1:]]
    except (GitError, ValueError, IndexError):
        return []


def _change(part: bytes) -> tuple[str, Change]:
    commit, _, diff = part.partition(b"\0")
    ended = diff.strip(b"\n\0") + b"\0"
    files = git_output.read_diff(ended) if len(ended) > 1 else ()
    return commit.decode("ascii", "replace"), Change(files=files)


def files_of_commit(git: Git, commit: str) -> list[str]:
    """Return the paths that a commit changes against its first parent; none if git cannot tell."""
    try:
        output = git.run(
            "show", "--format=", "--raw", "--no-abbrev", "-z", "--diff-merges=first-parent",
            "--no-ext-diff", "--relative", "--end-of-options", commit,
        )  # fmt: skip
        return [file.path for file in git_output.read_diff(output.lstrip(b"\n"))]
    except (GitError, ValueError, IndexError):
        return []


def brought_by(commits: list[LoggedCommit], deployed: list[str]) -> dict[str, list[float]]:
    """Return by deployed commit when the commits were made that it brought.

    Each deployment brings the commits since the deployment before it in the log. The first one in
    the log brings its own commit alone, since what ran before is not known.
    """
    wanted = set(deployed)
    places = [at for at, each in enumerate(commits) if each.commit in wanted]
    ends = [*places[1:], places[-1] + 1] if places else []
    return {
        commits[start].commit: [each.at for each in commits[start:end]]
        for start, end in zip(places, ends, strict=True)
    }
