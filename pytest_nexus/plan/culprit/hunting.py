"""Decide where the test runs next, and when the culprit is known. Pure."""

from __future__ import annotations

from math import ceil, log2
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Self

from pytest_nexus.plan.culprit.beliefs import gains, updated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.plan.culprit.beliefs import Answer, Noise
    from pytest_nexus.plan.culprit.commit_graph import Lineage

CONFIDENCE: Final = 0.95
"""Probability at which the search stops, without another wish."""

_LEAST_GAIN: Final = 1e-4
"""A run that is worth fewer bits cannot help within any number of runs that people wait for."""

_SPREAD: Final = 2
"""Commits beside one without an answer likely give none either: a run `d` commits away counts
d / (d + 2)."""


class Verdict(NamedTuple):
    """The result of a search."""

    status: Literal["found", "not broken", "undecided"]
    place: int | None
    """The likeliest commit; None if the test is not broken."""
    probability: float
    """Of this result."""
    others: tuple[int, ...] = ()
    """If undecided: all commits that together have the wanted confidence, the likeliest first."""


class Hunting(NamedTuple):
    """A search in progress; each answer gives a new one."""

    lineage: Lineage
    beliefs: tuple[float, ...]
    """By commit; the last one is for no commit."""
    noise: Noise
    confidence: float = CONFIDENCE
    unknown: frozenset[int] = frozenset()
    """Commits without an answer; the test does not run there again."""

    def tell(self, place: int, answer: Answer) -> Self:
        """Return the search after a run at one commit."""
        if answer == "unknown":
            return self._replace(unknown=self.unknown | {place})
        beliefs = updated(self.lineage, self.beliefs, place, answer, self.noise)
        return self._replace(beliefs=tuple(beliefs))

    @property
    def place(self) -> int | None:
        """The commit at which a run tells the most; None if the search has ended."""
        if max(self.beliefs) >= self.confidence:
            return None
        worth = [
            -1.0 if at in self.unknown else gain * _nearness(at, self.unknown)
            for at, gain in enumerate(gains(self.lineage, self.beliefs, self.noise))
        ]
        best = max(range(len(worth)), key=lambda at: worth[at])
        return best if worth[best] > _LEAST_GAIN else None

    @property
    def verdict(self) -> Verdict:
        """The result so far."""
        order = sorted(range(len(self.beliefs)), key=lambda at: -self.beliefs[at])
        best, n_commits = order[0], len(self.lineage.ids)
        probability = self.beliefs[best]
        if probability >= self.confidence:
            if best == n_commits:
                return Verdict("not broken", None, probability)
            return Verdict("found", best, probability)
        commits = [at for at in order if at != n_commits]
        return Verdict("undecided", commits[0], self.beliefs[commits[0]], self._likeliest(commits))

    def _likeliest(self, commits: Sequence[int]) -> tuple[int, ...]:
        taken: list[int] = []
        total = 0.0
        for at in commits:
            if total >= self.confidence * sum(self.beliefs[:-1]):
                break
            taken.append(at)
            total += self.beliefs[at]
        return tuple(taken)


def most_runs(n_commits: int) -> int:
    """Return how many runs a search may take without another wish.

    >>> most_runs(1000)
    70
    """
    return 20 + 5 * ceil(log2(n_commits + 1))


def _nearness(place: int, unknown: frozenset[int]) -> float:
    nearest = min((abs(place - each) for each in unknown), default=None)
    return 1.0 if nearest is None else nearest / (nearest + _SPREAD)
