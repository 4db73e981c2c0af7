"""Judge whether a test depends on the tests before it, from the places of its failures. Pure.

A *brittle* test needs a state-setter: it fails if the state-setter did not run before it. A
*victim* has a polluter: it fails if the polluter ran before it. Both terms are those of A. Shi and
others, iFixFlakies, 2019. Both are properties of the order, not flakes: the same order gives the
same outcome.

The posterior weighs two explanations of the outcomes y of n trials with k failures:

    P(y | flaky) = B(1/2 + k, 1/2 + n - k) / B(1/2, 1/2)
    P(y | order) = 1/2 sum over kinds, sum over tests c of w(c) (1 - e)^(n - m(c)) e^m(c)

There is a third case: the test passed exactly in the trials in which it had already run in the
process. Then its own first attempt may make the next attempt pass. In this case (1 - e)^n is added
to the first explanation.

m(c) is the number of trials that contradict test c as the reason; only m <= 1 is considered. e is
`NOISE`. w(c) is 1/2 spread over all tests plus 1/2 spread over the tests of the same file. Both
explanations are equally likely before any trial: about half of the flaky tests of open projects
depend on the order (W. Lam and others, iDFlakies, 2019).
"""

from __future__ import annotations

from itertools import pairwise
from math import exp, lgamma, log, log1p
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.records import ALONE, FRESH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.plan.order_dependence.order_rule import Dependence

NOISE: Final = 0.02
"""Probability that an outcome contradicts the order: an order-dependent test may also flake."""

_MOST_DOUBTS: Final = 7
"""A test whose place is unknown in this many trials explains nothing."""

_PRIOR: Final = 0.5
"""Both parameters of the Beta prior of a flake rate, as in `pytest_nexus.plan.flakiness.rates`."""


class Trial(NamedTuple):
    """One attempt of a test, with the tests that ran before it in its process."""

    has_failed: bool
    before: int
    """Bit i is set if test i certainly began before this attempt; `or_so` numbers the tests
    in the same way."""
    or_so: int = 0
    """Bits of the tests that began at about the same time: before or after."""
    is_fresh: bool = False
    """Whether the attempt ran in a fresh process in collection order. The tests before it are then
    unknown, but nothing of another order was present."""
    is_again: bool = False
    """Whether the test itself had already run in that process."""


class Judgement(NamedTuple):
    """The best explanation of the outcomes of a test."""

    kind: Dependence
    others: int
    """Bits of the tests that may each be the only reason."""
    sure: int
    """Bits of those among them whose place is known in every trial."""
    posterior: float
    """Probability of order-dependent against flaky, in [0, 1]."""
    n_failed: int
    n_passed: int


class _Explained(NamedTuple):
    """Tests as bits, by the number of trials that contradict them."""

    by_all: int
    by_all_but_one: int


def is_proved(attempts: Sequence[tuple[bool, str | None]]) -> bool:
    """Return whether the attempts of one test in one session show that the order made it fail.

    The test passed in a fresh process in collection order, or it failed each time alone and passed
    after other tests. The places of its failures and passes are not comparable, so this is no
    flake.

    Args:
        attempts: for each attempt in order, whether it failed, and its worker.

    >>> is_proved([(True, "gw0"), (True, "gw1"), (False, "fresh")])
    True
    >>> is_proved([(True, None), (True, "alone"), (False, "alone"), (False, None)])
    False
    """
    alone = [failed for failed, worker in attempts if worker == ALONE]
    failed, worker = attempts[-1]
    return not failed and (worker == FRESH or (bool(alone) and all(alone)))


def judge(trials: Sequence[Trial], others: int, near: int) -> Judgement | None:
    """Return the judgement on a test's trials; None if the test never failed or never passed.

    Costs O(n) operations on integers with one bit per test.

    Args:
        trials: of the test, in any order.
        others: bits of all other tests.
        near: bits of the other tests in the same file.
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
    """Return whether a test passed exactly in the trials in which it had run before."""
    return all(trial.is_again != trial.has_failed for trial in trials)


def _setters(trials: Sequence[Trial], others: int) -> list[int]:
    """Return, for each trial, the tests that can be the state-setter."""
    return [
        (0 if trial.has_failed else others)
        if trial.is_fresh
        else others & (~trial.before if trial.has_failed else trial.before | trial.or_so)
        for trial in trials
    ]


def _polluters(trials: Sequence[Trial], others: int) -> list[int]:
    """Return, for each trial, the tests that can be the polluter."""
    return [
        (0 if trial.has_failed else others)
        if trial.is_fresh
        else others & (trial.before | trial.or_so if trial.has_failed else ~trial.before)
        for trial in trials
    ]


def _explained(fits: Sequence[int], others: int) -> _Explained:
    """Return the tests that fit all trials, and the tests that fit all but one."""
    by_all, but_one = others, 0
    for fit in fits:
        but_one = (but_one & fit) | (by_all & ~fit)
        by_all &= fit
    return _Explained(by_all, but_one)


def _weight(
    explained: _Explained, n_trials: int, others: int, near: int, doubts: Sequence[int]
) -> float:
    """Return the probability of the outcomes, summed over the tests that may be the reason.

    If the place of a test in a trial is unknown, both outcomes have probability 1/2.
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
    """Return the tests whose place is unknown in at least 1, 2, 3 ... trials."""
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
