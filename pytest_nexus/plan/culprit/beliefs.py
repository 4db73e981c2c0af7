"""Learn from each run how likely each commit broke a test. Pure.

This is a noisy binary search by Bayes' rule (Horstein, Sequential transmission using noiseless
feedback, IEEE Transactions on Information Theory 9, 1963; Ben-Or and Hassidim, The Bayesian learner
is optimal for noisy binary search, FOCS 2008). The commits of git are a graph and not a line, so a
run at commit x asks whether the culprit is among the commits that x contains.
"""

from __future__ import annotations

from math import log2
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from pytest_nexus.plan.culprit.commit_graph import contained

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.plan.culprit.commit_graph import Lineage

Answer = Literal["failed", "passed", "unknown"]
"""`unknown`: the test does not exist at this commit, is skipped, or could not be collected."""

LEAST_NOISE: Final = 0.005
"""Probability of a wrong result of a test that has never been flaky; no machine is perfect."""

MOST_NOISE: Final = 0.45
"""A test that fails more often without a reason is hardly information."""

_UNIFORM_SHARE: Final = 0.2
"""Part of the prior that all commits share. A wrong guess then costs at most log2(1 / 0.2) = 2.3
runs more than no guess."""


class Noise(NamedTuple):
    """How often a test gives the wrong answer."""

    false_alarm: float
    """Probability of a failure before the culprit: the flake rate of the test."""
    miss: float = LEAST_NOISE
    """Probability of a pass although the test is broken."""


NOISE_OF_TIMES: Final = Noise(0.05, 0.05)
"""Of the answer whether a test is slow: a machine has slow moments, and quick ones."""


def noise_of(flake_rate: float) -> Noise:
    """Return the noise of a test with this flake rate, within limits.

    >>> noise_of(0.0).false_alarm
    0.005
    """
    return Noise(min(max(flake_rate, LEAST_NOISE), MOST_NOISE))


def prior_of(scores: Sequence[float], not_broken: float) -> list[float]:
    """Return the probability of each commit before any run; the last value is for no commit.

    A commit with score s_i of n commits gets, with u = `_UNIFORM_SHARE`,

        (1 - not_broken) ((1 - u) s_i / sum(s) + u / n).

    Args:
        scores: how likely each commit breaks the test, on any scale; all equal for no knowledge.
        not_broken: probability that the test is not broken at the bad commit, only flaky.

    >>> prior_of([1.0, 1.0], 0.5)
    [0.25, 0.25, 0.5]
    """
    total, n = sum(scores), len(scores)
    parts = [each / total if total > 0 else 1 / n for each in scores]
    shares = ((1 - _UNIFORM_SHARE) * part + _UNIFORM_SHARE / n for part in parts)
    return [*((1 - not_broken) * share for share in shares), not_broken]


def not_broken_after(n_failures: int, noise: Noise) -> float:
    """Return the probability that n failures at the bad commit were all flakes.

    With f = `false_alarm` and even odds before, this is f^n / (f^n + (1 - `miss`)^n).

    >>> round(not_broken_after(1, Noise(0.25, 0.0)), 3)
    0.2
    """
    flakes, broken = noise.false_alarm**n_failures, (1 - noise.miss) ** n_failures
    return flakes / (flakes + broken)


def updated(
    lineage: Lineage, beliefs: Sequence[float], place: int, answer: Answer, noise: Noise
) -> list[float]:
    """Return the beliefs after a run at one commit: Bayes' rule.

    An unknown answer changes nothing.
    """
    if answer == "unknown":
        return list(beliefs)
    has_failed = answer == "failed"
    if_broken = 1 - noise.miss if has_failed else noise.miss
    if_sound = noise.false_alarm if has_failed else 1 - noise.false_alarm
    bits = lineage.ancestors[place]
    weights = [
        each * (if_broken if bits >> at & 1 else if_sound) for at, each in enumerate(beliefs)
    ]
    total = sum(weights)
    return [each / total for each in weights]


def gains(lineage: Lineage, beliefs: Sequence[float], noise: Noise) -> list[float]:
    """Return for each commit the expected information of a run there, in bits.

    With q the probability that the commit contains the culprit, a the probability of a failure if
    so, f if not, and h the binary entropy,

        h(q a + (1 - q) f) - q h(a) - (1 - q) h(f).

    Without noise, this is largest where q is nearest to 1/2.
    """
    a, f = 1 - noise.miss, noise.false_alarm
    of_a, of_f = _entropy(a), _entropy(f)
    return [
        _entropy(q * a + (1 - q) * f) - q * of_a - (1 - q) * of_f
        for q in contained(lineage, beliefs)
    ]


def _entropy(p: float) -> float:
    if p <= 0 or p >= 1:
        return 0.0
    return -p * log2(p) - (1 - p) * log2(1 - p)
