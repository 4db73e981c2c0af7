"""What happened to a commit after it was merged. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

Status = Literal["deployed", "failed", "rolled-back", "hotfix"]
"""`deployed`: the commit runs in an environment. `failed`: its deployment failed, or broke
something. `rolled-back`: an earlier version replaced it. `hotfix`: the commit repairs a deployed
one."""

IN_GIT: Final = "git"
"""Source and environment of a revert that was read from git."""

_ACCUSING: Final = frozenset({"failed", "rolled-back"})
"""A hotfix names the commit that repairs, so it accuses none."""

_REVERTS: Final = re.compile(r"^This reverts commit ([0-9a-f]{40})\b", re.MULTILINE)
_FIXES_UP: Final = re.compile(r"^fixup! (.+)$", re.MULTILINE)


class DeploymentOutcome(NamedTuple):
    """One outcome of one commit."""

    commit: str
    status: Status
    environment: str
    """Where it was deployed, such as `production`."""
    at: float
    """Seconds since the epoch."""
    source: str
    """`recorded` by a user or a pipeline; `github`: by GitHub's deployments; `git`: by a revert."""

    @property
    def words(self) -> str:
        """What happened and where, for a sentence about the commit."""
        return "reverted" if self.source == IN_GIT else f"{self.status} in {self.environment}"


class LoggedCommit(NamedTuple):
    """One commit of the default branch."""

    commit: str
    at: float
    """When it was committed; seconds since the epoch."""
    message: str


class Repair(NamedTuple):
    """A commit that takes back or mends an earlier commit of the same branch."""

    commit: str
    at: float
    repaired: str
    kind: Literal["revert", "fixup"]


def repairs(commits: Sequence[LoggedCommit]) -> list[Repair]:
    r"""Return the reverts and fixups among the commits of one branch, in the given order.

    A message counts only if the commit that it names is on the same branch. So a message can
    accuse no commit that was never merged.

    >>> bad = LoggedCommit("a" * 40, 1.0, "Add x")
    >>> back = LoggedCommit("b" * 40, 2.0, f"Revert x\n\nThis reverts commit {'a' * 40}.")
    >>> [each.kind for each in repairs([bad, back])]
    ['revert']
    """
    known = {each.commit for each in commits}
    subjects = {each.message.partition("\n")[0]: each.commit for each in reversed(commits)}
    return [repair for each in commits for repair in _repairs_by(each, known, subjects)]


def _repairs_by(
    each: LoggedCommit, known: AbstractSet[str], subjects: Mapping[str, str]
) -> Iterator[Repair]:
    for commit in _REVERTS.findall(each.message):
        if commit in known and commit != each.commit:
            yield Repair(each.commit, each.at, commit, "revert")
    for subject in _FIXES_UP.findall(each.message.partition("\n")[0]):
        if subject in subjects:
            yield Repair(each.commit, each.at, subjects[subject], "fixup")


def escaped_commits(
    outcomes: Iterable[DeploymentOutcome], found: Iterable[Repair]
) -> dict[str, str]:
    """Return the commits whose faults no test found, each with the reason.

    A hotfix names the commit that repairs, so it accuses no commit.
    """
    reverted = {each.repaired: f"reverted by {each.commit[:12]}"
                for each in found if each.kind == "revert"}  # fmt: skip
    deployed = {each.commit: each.words for each in outcomes if each.status in _ACCUSING}
    return deployed | reverted


def stored_reverts(found: Iterable[Repair]) -> list[DeploymentOutcome]:
    """Return the reverts as outcomes of the commits that they take back."""
    return [
        DeploymentOutcome(each.repaired, "rolled-back", IN_GIT, each.at, IN_GIT)
        for each in found
        if each.kind == "revert"
    ]


def accused_since(
    outcomes: Iterable[DeploymentOutcome], found: Iterable[Repair]
) -> dict[str, float]:
    """Return when each commit was first accused; the keys are those of `escaped_commits`."""
    times = [(each.repaired, each.at) for each in found if each.kind == "revert"]
    times += [(each.commit, each.at) for each in outcomes if each.status in _ACCUSING]
    since: dict[str, float] = {}
    for commit, at in times:
        since[commit] = min(at, since.get(commit, at))
    return since
