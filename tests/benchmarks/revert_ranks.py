"""How often a reverted change is ranked above another one by what became of earlier changes.

`python -m tests.benchmarks.revert_ranks FOLDER...` reads git repositories, and prints for each the
area under the curve of the formula of `change_history.outlook`, and of the share of any change
alone. Each change of the newest 70 % is scored by the reverts that were committed before it.
"""

from __future__ import annotations

import subprocess
import sys
from bisect import bisect_left
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.delivery.change_history import PastChange, outlook
from pytest_nexus.plan.delivery.commit_outcomes import LoggedCommit, repairs

if TYPE_CHECKING:
    from collections.abc import Sequence

NEWEST: Final = 0.7
OTHERS: Final = 400
"""Changes that were not reverted, drawn at random: a score takes some milliseconds."""


def git(folder: Path, *arguments: str) -> str:
    """Return what git prints."""
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, check=True).stdout.decode(
        "utf-8", "replace"
    )


def commits_of(folder: Path) -> list[LoggedCommit]:
    """Return all commits, the newest first."""
    found = []
    for text in git(folder, "log", "-z", "--format=%H%n%ct%n%B", "HEAD").split("\0"):
        commit, _, rest = text.partition("\n")
        at, _, message = rest.partition("\n")
        if at.isdigit():
            found.append(LoggedCommit(commit, float(at), message))
    return found


def changes_of(folder: Path) -> list[PastChange]:
    """Return the changes on the first parents with their files, the oldest first."""
    output = git(
        folder, "log", "-z", "--format=%x01%H", "--numstat", "--no-renames", "--first-parent",
        "--diff-merges=first-parent", "HEAD",
    )  # fmt: skip
    found = []
    for part in output.split("\x01")[1:]:
        commit, *rows = part.split("\0")
        files = [row.strip("\n").split("\t") for row in rows if "\t" in row]
        lines = sum(int(n) for file in files for n in file[:2] if n.isdecimal())
        if files:
            found.append(PastChange(commit, tuple(file[2] for file in files), lines))
    return found[::-1]


def area(bad: Sequence[float], good: Sequence[float]) -> float:
    """Return the share of pairs in which the bad one has the larger score, equal pairs half."""
    pairs = [(b > g) + (b == g) / 2 for b in bad for g in good]
    return sum(pairs) / len(pairs)


def measure(folder: Path) -> None:
    """Print the figures of one repository."""
    commits = commits_of(folder)
    made = {each.commit: each.at for each in commits}
    reverted = {each.repaired: each.at for each in repairs(commits) if each.kind == "revert"}
    changes = changes_of(folder)
    start = int(len(changes) * (1 - NEWEST))
    places = range(start, len(changes))
    bad = [at for at in places if changes[at].commit in reverted]
    good = [at for at in places if changes[at].commit not in reverted]
    good = Random(0).sample(good, min(OTHERS, len(good)))
    at_of = {each.commit: at for at, each in enumerate(changes)}
    known = sorted((when, at_of[commit]) for commit, when in reverted.items() if commit in at_of)
    scores: dict[int, tuple[float, float]] = {}
    for at in sorted([*bad, *good]):
        past = changes[:at]
        for _, place in known[: bisect_left(known, (made[changes[at].commit], -1))]:
            if place < at:
                past[place] = past[place]._replace(why="reverted")
        found = outlook(past, changes[at].paths, changes[at].lines)
        if found is not None:
            scores[at] = (found.probability, found.share)
    n_bad, n_good = (sum(at in scores for at in each) for each in (bad, good))
    print(
        f"{folder}: {len(changes):,} changes, {len(known)} reverted;"
        f" {n_bad} of these and {n_good} others were scored"
    )
    for name, which in (("formula", 0), ("share of any change", 1)):
        value = area(*([scores[at][which] for at in each if at in scores] for each in (bad, good)))
        print(f"  {name}: {value:.0%} of the pairs")


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        measure(Path(argument))
