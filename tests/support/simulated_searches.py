"""Searches for a culprit among commits, with answers that are drawn instead of run."""

from __future__ import annotations

import random
from itertools import accumulate
from math import log2
from typing import TYPE_CHECKING

from pytest_nexus.plan.culprit.beliefs import noise_of, prior_of
from pytest_nexus.plan.culprit.commit_graph import lineage_of
from pytest_nexus.plan.culprit.hunting import Hunting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.plan.culprit.beliefs import Noise
    from pytest_nexus.plan.culprit.hunting import Verdict

Commits = list[tuple[str, tuple[str, ...]]]
"""Ids with their parents, the oldest first."""


def line_of(n: int) -> Commits:
    """Return commits without branches."""
    return [(f"c{at}", (f"c{at - 1}",)) for at in range(n)]


def begun(
    commits: Commits, scores: Sequence[float] | None = None, noise: Noise | None = None,
    not_broken: float = 0.0,
) -> Hunting:  # fmt: skip
    """Return a search before its first run; without noise, the test is reliable."""
    prior = prior_of(list(scores or [1.0] * len(commits)), not_broken)
    return Hunting(lineage_of(commits), tuple(prior), noise or noise_of(0.0))


def hunted(hunting: Hunting, culprit: int, noise: Noise, rng: random.Random) -> tuple[Verdict, int]:
    """Run a search to its end; return its verdict and the number of runs."""
    n_runs = 0
    while (place := hunting.place) is not None and n_runs < 500:
        is_broken = bool(hunting.lineage.ancestors[place] >> culprit & 1)
        fails = rng.random() < (1 - noise.miss if is_broken else noise.false_alarm)
        hunting = hunting.tell(place, "failed" if fails else "passed")
        n_runs += 1
    return hunting.verdict, n_runs


def played(
    commits: Commits, flakes: float, draws: int, scores: Sequence[float] | None = None
) -> tuple[float, float, float]:
    """Return the mean number of runs, the share of right answers, and the mean stated confidence.

    The culprits are drawn from the prior, and the flakes with the rate that the search knows.
    """
    rng = random.Random(7)
    noise = noise_of(flakes)
    hunting = begun(commits, scores, noise)
    borders = list(accumulate(hunting.beliefs[:-1]))
    runs, right, said = 0, 0, 0.0
    for _ in range(draws):
        drawn = rng.random() * borders[-1]
        culprit = next(at for at, border in enumerate(borders) if drawn <= border)
        verdict, n_runs = hunted(hunting, culprit, noise, rng)
        assert verdict.status == "found"
        runs += n_runs
        right += verdict.place == culprit
        said += verdict.probability
    return runs / draws, right / draws, said / draws


def capacity(flakes: float) -> float:
    """Bits that a run can tell at most, with false alarms alone: the capacity of a Z-channel."""
    return log2(1 + (1 - flakes) * flakes ** (flakes / (1 - flakes)))
