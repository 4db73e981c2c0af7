"""Judge a change by what became of earlier changes of the same files after the tests. Pure.

The probability that a change does not stay (its deployment fails, or somebody rolls it back or
reverts it) is a chain of shrunken shares. For the whole branch with B bad ones of N changes,

    r = (B + 1/2) / (N + 1).

For each folder on the way to a file, and at last for the file itself, with b bad ones of n changes,

    r = (b + K r_above) / (n + K),

so a place with few changes says what the place above it says (an empirical Bayes estimate; Efron
and Morris, Data analysis using Stein's estimator, Journal of the American Statistical Association
70, 1975). The largest share of all changed files counts. The size of the change has a share of the
same kind, over classes of changed lines that each double twice. Both meet as odds:

    odds = odds(place) odds(size) / odds(branch).
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.wording import counted, percent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_nexus.domain.records import Change, Run
    from pytest_nexus.plan.delivery.commit_outcomes import DeploymentOutcome

SHRINKAGE: Final = 300.0
"""K: changes that the share above is worth. On the reverts of Celery and Meson, smaller values gave
a larger logarithmic loss; see docs/how-to/what-escaped.md."""

LEAST_CHANGES: Final = 10
"""Fewer judged changes say nothing."""

_NEWEST: Final = 5
"""Changes of a place that a sentence looks at."""

_MOST_NOTES: Final = 3
_LARGEST: Final = 5
"""Class of the largest changes, from 1,023 lines on."""


class PastChange(NamedTuple):
    """A change of the branch that is deployed, and whether it stayed."""

    commit: str
    paths: tuple[str, ...]
    lines: int
    """Lines added and deleted."""
    why: str = ""
    """What happened to it after the tests; empty if nothing is known to be wrong."""


class ChangeOutlook(NamedTuple):
    """How probable it is that a change does not stay."""

    probability: float
    share: float
    """The same of any change of the branch."""
    path: str
    """The changed file that carries the probability."""
    n_changes: int
    n_bad: int
    notes: tuple[str, ...]
    """Clauses about the newest changes of the changed files and of their folders."""

    @property
    def words(self) -> str:
        """The probability in one sentence, without its end."""
        return (
            f"a change like this one is taken back or fails with a probability of"
            f" {percent(self.probability)} ({percent(self.share)} for any change, by"
            f" {self.n_bad:,} of {counted(self.n_changes, 'change')})"
        )


def outlook(past: Sequence[PastChange], paths: Iterable[str], lines: int) -> ChangeOutlook | None:
    """Return how probable it is that a change does not stay; None without an outcome so far.

    Args:
        past: the judged changes, the oldest first.
        paths: the files of the present change.
        lines: that it adds and deletes.
    """
    changed = sorted(set(paths))
    n_bad = sum(bool(each.why) for each in past)
    if not changed or not n_bad or len(past) < LEAST_CHANGES:
        return None
    share = (n_bad + 0.5) / (len(past) + 1)
    counts = _counts((place, each) for each in past for place in _places_of(each.paths))
    shares = {path: _share_of(path, counts, share) for path in changed}
    riskiest = max(changed, key=lambda path: shares[path])
    sizes = _counts((str(_size(each.lines)), each) for each in past)
    by_size = _shrunken(sizes.get(str(_size(lines)), (0, 0)), share)
    odds = _odds(shares[riskiest]) * _odds(by_size) / _odds(share)
    notes = _notes(past, changed)
    return ChangeOutlook(odds / (1 + odds), share, riskiest, len(past), n_bad, notes)


def judged_changes(
    changes: Iterable[tuple[str, Change]], accused: Mapping[str, str]
) -> list[PastChange]:
    """Return the changes of a branch with what became of them, the oldest first.

    Args:
        changes: by commit, the newest first; a commit without files is left out.
        accused: what happened to commits after the tests.
    """
    found = [
        PastChange(
            commit,
            tuple(file.path for file in change.files),
            sum(file.added + file.deleted for file in change.files),
            accused.get(commit, ""),
        )
        for commit, change in changes
        if change.files
    ]
    return found[::-1]


def recorded_changes(
    runs: Iterable[Run], outcomes: Iterable[DeploymentOutcome], own: str | None = None
) -> list[PastChange]:
    """Return the changes of the branches that are deployed, the oldest first.

    A branch counts if an outcome is known of one of its commits. A commit without an outcome counts
    as one that stayed.

    Args:
        runs: trusted runs, the newest first; runs of forks are no evidence.
        outcomes: of deployments and reverts.
        own: the present commit, which is left out.
    """
    bad: dict[str, str] = {}
    known = set()
    for each in outcomes:
        known.add(each.commit)
        if each.status in ("failed", "rolled-back"):
            bad[each.commit] = each.words
    usable = [run for run in runs if run.change.commit is not None and not run.change.dirty]
    branches = {run.change.branch for run in usable if run.change.commit in known}
    found: dict[str, Change] = {}
    for run in usable:
        commit = str(run.change.commit)
        if run.change.branch in branches and commit != own and run.change.files:
            found.setdefault(commit, run.change)
    return judged_changes(found.items(), bad)


def _counts(seen: Iterable[tuple[str, PastChange]]) -> dict[str, tuple[int, int]]:
    """Return by name the numbers of bad changes and of all changes."""
    found: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for name, each in seen:
        n_bad, n = found[name]
        found[name] = (n_bad + bool(each.why), n + 1)
    return dict(found)


def _share_of(path: str, counts: Mapping[str, tuple[int, int]], share: float) -> float:
    for place in _chain(path):
        share = _shrunken(counts.get(place, (0, 0)), share)
    return share


def _shrunken(counts: tuple[int, int], above: float) -> float:
    n_bad, n = counts
    return (n_bad + SHRINKAGE * above) / (n + SHRINKAGE)


def _places_of(paths: Iterable[str]) -> set[str]:
    return {place for path in paths for place in _chain(path)}


def _chain(path: str) -> Iterator[str]:
    """Yield the folders of a path, the outermost first, each ending in `/`; then the path."""
    for at, letter in enumerate(path):
        if letter == "/":
            yield path[: at + 1]
    yield path


def _size(lines: int) -> int:
    """Return the class of a number of lines: 0 up to 2 lines, 1 up to 14, 2 up to 62 and so on."""
    return min(((lines + 1).bit_length() - 1) // 2, _LARGEST)


def _odds(probability: float) -> float:
    return probability / (1 - probability)


def _notes(past: Sequence[PastChange], changed: Sequence[str]) -> tuple[str, ...]:
    """Return what became of the newest changes of each place, those with most bad ones first."""
    ranked: list[tuple[int, int, int, str]] = []
    told: set[tuple[str, ...]] = set()
    for place in sorted(_places_of(changed), key=lambda each: (-len(each), each)):
        touching = [each for each in past if place in _places_of(each.paths)][-_NEWEST:]
        bad = [each for each in touching if each.why]
        names = tuple(each.commit for each in bad)
        if not bad or names in told:
            continue
        told.add(names)
        ranked.append((-len(bad), len(touching), len(ranked), _sentence(place, touching, bad)))
    return tuple(note for *_, note in sorted(ranked)[:_MOST_NOTES])


def _sentence(place: str, touching: Sequence[PastChange], bad: Sequence[PastChange]) -> str:
    named = "; ".join(f"{each.commit[:12]} {each.why}" for each in reversed(bad))
    kind = "this folder" if place.endswith("/") else "this file"
    n = len(touching)
    if len(bad) == n:
        which = f"last {n} changes" if n > 1 else "last change"
        count = f"the {which} of {kind} {'were' if n > 1 else 'was'}"
    else:
        verb = "were" if len(bad) > 1 else "was"
        count = f"{len(bad)} of the last {n} changes of {kind} {verb}"
    return f"{place}: {count} taken back or failed: {named}"
