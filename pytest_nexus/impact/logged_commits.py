"""Read the commits of a branch, and the files that they change, from git."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.system.git import GitError
from pytest_nexus.impact import git_output
from pytest_nexus.plan.delivery.commit_outcomes import LoggedCommit

if TYPE_CHECKING:
    from pytest_nexus.domain.system.git import Git

MOST_COMMITS: Final = 5000
"""The newest commits of the branch; a repair is rarely further from what it repairs."""

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
