"""Whether a test depends on what ran before it, by the places in which it failed. Pure.

A *brittle* test needs a state-setter: it fails where that did not run before it. A *victim* has a
polluter: it fails where that ran before it. Both terms are those of A. Shi and others, iFixFlakies,
2019. Either is a property of the order, and no flake: the same order gives the same outcome.

The posterior weighs two explanations of the outcomes y of n trials, k of them failures:

    P(y | flaky) = B(1/2 + k, 1/2 + n - k) / B(1/2, 1/2)
    P(y | order) = 1/2 sum over kinds, sum over tests c of w(c) (1 - e)^(n - m(c)) e^m(c)

If the test passed just where it had run before in the process, and failed elsewhere, it may be its
own first attempt that makes the next one pass. Then (1 - e)^n is added to the first.

m(c) counts the trials that contradict that c is the one (m <= 1 is looked at), e is `NOISE`, and
w(c) is 1/2 spread over all tests plus 1/2 spread over those of the same file. Both explanations are
equally likely before any trial: about half of the flaky tests of open projects depend on the order
(W. Lam and others, iDFlakies, 2019).
"""

from __future__ import annotations

from itertools import pairwise
from math import exp, lgamma, log, log1p
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.records import ALONE, FRESH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.domain.records import Dependence

NOISE: Final = 0.02
"""Chance that an outcome contradicts the order: an order-dependent test may flake as well."""

_MOST_DOUBTS: Final = 7
"""A test whose place is not known in so many trials explains nothing."""

_PRIOR: Final = 0.5
"""Both parameters of the Beta prior of a flake rate, as in `pytest_nexus.plan.flakiness.rates`."""


class Trial(NamedTuple):
    """One attempt of a test, with what had run before it in its process."""

    has_failed: bool
    before: int
    """Bit i is set if test i surely began before it; with `or_so`, the tests are numbered alike."""
    or_so: int = 0
    """Tests that began at the same time, as far as is known: before or after."""
    is_fresh: bool = False
    """Whether it ran in a fresh process in the order of the collection: what ran before is not
    known, but nothing of another order was there."""
    is_again: bool = False
    """Whether the test itself had run in that process before."""


class Judgement(NamedTuple):
    """What explains the outcomes of a test."""

    kind: Dependence
    others: int
    """Bits of the tests of which each alone may be the reason."""
    sure: int
    """Of these, the bits of the tests whose place is known in each trial."""
    posterior: float
    """Of order-dependent against flaky, in [0, 1]."""
    n_failed: int
    n_passed: int


class _Explained(NamedTuple):
    """Tests by how many trials contradict them, as bits."""

    by_all: int
    by_all_but_one: int


def is_proved(attempts: Sequence[tuple[bool, str | None]]) -> bool:
    """Return whether the attempts of one test in one session show that the order made it fail.

    It passed in a fresh process in the order of the collection, or it failed each time alone and
    passed behind others. The places of its failures and passes are not comparable: it is no flake.

    Args:
        attempts: in their order, whether each failed, and its worker.

    >>> is_proved([(True, "gw0"), (True, "gw1"), (False, "fresh")])
    True
    >>> is_proved([(True, None), (True, "alone"), (False, "alone"), (False, None)])
    False
    """
    alone = [failed for failed, worker in attempts if worker == ALONE]
    failed, worker = attempts[-1]
    return not failed and (worker == FRESH or (bool(alone) and all(alone)))


def judge(trials: Sequence[Trial], others: int, near: int) -> Judgement | None:
    """Return what the trials of a test say; None where it never failed or never passed.

    Costs O(n) operations on integers of as many bits as there are tests.

    Args:
        trials: of the test, in any order.
        others: bits of all other tests.
        near: of those in the same file.
    """
    n_failed = sum(trial.has_failed for trial in trials)
    n_passed = len(trials) - n_failed
    if not n_failed or not n_passed:
        return None
    flaky = _beta(_PRIOR + n_failed, _PRIOR + n_passed) - _beta(_PRIOR, _PRIOR)
    doubts = _doubts(trials)
    fitting: dict[Dependence, list[int]] = {
        "brittle": _setters(trials, others),
        "victim": _polluters(trials, others),
    }
    found = []
    for kind, fits in fitting.items():
        explained = _explained(fits, others)
        weight = _weight(explained, len(trials), others, near, doubts)
        found.append((weight, kind, explained.by_all or explained.by_all_but_one))
    weight, kind, reasons = max(found)
    sure = reasons & ~doubts[0]
    total = sum(each[0] for each in found) / 2
    other = exp(flaky) + (exp(len(trials) * log1p(-NOISE)) if _helps_itself(trials) else 0.0)
    posterior = total / (total + other)
    return Judgement(kind, reasons, sure, posterior, n_failed, n_passed)


def _helps_itself(trials: Sequence[Trial]) -> bool:
    """Return whether a test passed just where it had run before."""
    return all(trial.is_again != trial.has_failed for trial in trials)


def _setters(trials: Sequence[Trial], others: int) -> list[int]:
    """Return, for each trial, the tests that it allows to be the state-setter."""
    return [
        (0 if trial.has_failed else others)
        if trial.is_fresh
        else others & (~trial.before if trial.has_failed else trial.before | trial.or_so)
        for trial in trials
    ]


def _polluters(trials: Sequence[Trial], others: int) -> list[int]:
    """Return, for each trial, the tests that it allows to be the polluter."""
    return [
        (0 if trial.has_failed else others)
        if trial.is_fresh
        else others & (trial.before | trial.or_so if trial.has_failed else ~trial.before)
        for trial in trials
    ]


def _explained(fits: Sequence[int], others: int) -> _Explained:
    """Return the tests that all trials allow, and those that all but one of them allow."""
    by_all, but_one = others, 0
    for fit in fits:
        but_one = (but_one & fit) | (by_all & ~fit)
        by_all &= fit
    return _Explained(by_all, but_one)


def _weight(
    explained: _Explained, n_trials: int, others: int, near: int, doubts: Sequence[int]
) -> float:
    """Return the probability of the outcomes, summed over the tests that may be the reason.

    A test whose place in a trial is not known allows both outcomes, each with 1/2.
    """
    n_all, n_near = others.bit_count(), near.bit_count()

    def share(tests: int) -> float:
        far = tests.bit_count() / n_all if n_all else 0.0
        return (far + (tests & near).bit_count() / n_near) / 2 if n_near else far

    def weighted(tests: int) -> float:
        known = share(tests & ~doubts[0])
        return known + sum(
            share(tests & more & ~most) * 0.5**number
            for number, (more, most) in enumerate(pairwise(doubts), 1)
        )

    sure = n_trials * log1p(-NOISE)
    noisy = sure - log1p(-NOISE) + log(NOISE)
    return weighted(explained.by_all) * exp(sure) + weighted(explained.by_all_but_one) * exp(noisy)


def _doubts(trials: Sequence[Trial]) -> list[int]:
    """Return the tests whose place is not known in at least 1, 2, 3 ... trials."""
    found = [0] * _MOST_DOUBTS
    for trial in trials:
        unsure = trial.or_so & ~trial.before
        for number in range(_MOST_DOUBTS - 1, 0, -1):
            found[number] |= found[number - 1] & unsure
        found[0] |= unsure
    return found


def _beta(a: float, b: float) -> float:
    """Return the logarithm of the Beta function."""
    return lgamma(a) + lgamma(b) - lgamma(a + b)
