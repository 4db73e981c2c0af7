"""Choose how an order divides the start of a run between known failures and new ones."""

from __future__ import annotations

from itertools import product
from math import sqrt
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Final, NamedTuple

from ..model.model import BALANCE
from .evaluate import only, relative_gains, worth

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..model.model import Model
    from .evaluate import Case, Worth

    Balance = tuple[float, float]
    """Haste and share, as `Model.balance`."""

OPTIONS: Final = tuple(product((2.0, 3.0, 5.0), (0.05, 0.1, 0.2, 0.3, 0.5)))
"""The balances that are tried: each haste with each share."""

LEAST_RUNS: Final = 24
"""Fewer failing runs choose nothing."""
LEAST_NOVEL: Final = 10
"""Fewer runs with a novel failure choose nothing."""
MOST_TESTS: Final = 200_000
"""Tests of all replayed runs together; older runs are left out. Bounds the time of a training."""
ERRORS: Final = 2.0
"""A gain in utility has to be this many standard errors above 0."""


class ChosenBalance(NamedTuple):
    """A balance, and what it gained on the replayed runs."""

    balance: Balance = BALANCE
    gain: float = 0.0
    """Mean gain in utility over the usual balance."""
    n_runs: int = 0
    """Number of replayed failing runs; 0 if there were too few."""


def chosen_balance(cases: Sequence[Case], model: Model) -> ChosenBalance:
    """Return the balance with the most utility on past failing runs; else the usual one.

    The utility of an order is `Worth.mean`, as where models are compared. Another balance than the
    usual one has to gain at least `ERRORS` standard errors, and its mean APFDc of all failures must
    not be lower. Runs later than the cases decide nothing, so the choice can be judged on them.

    Args:
        cases: failing runs in time order; those without `blocks` are left out.
        model: orders the tests. It should not have been fitted to these runs: the order of a fitted
            model finds their failures too well.
    """
    kept = list(_newest(cases))
    n_novel = sum(only(case, case.novel) is not None for case in kept)
    if len(kept) < LEAST_RUNS or n_novel < LEAST_NOVEL:
        return ChosenBalance()
    found: dict[Balance, list[Worth]] = {each: [] for each in OPTIONS}
    for case in kept:
        for balance, value in zip(OPTIONS, _worths(case, model), strict=True):
            found[balance].append(value)
    usual = found[BALANCE]
    gains = {each: _proved_gain(values, usual) for each, values in found.items()}
    best = max(OPTIONS, key=gains.__getitem__)
    if gains[best] <= 0.0:
        return ChosenBalance(n_runs=len(kept))
    return ChosenBalance(best, gains[best], len(kept))


def _newest(cases: Sequence[Case]) -> Iterator[Case]:
    """Yield the newest cases with at most `MOST_TESTS` tests together."""
    n_tests = 0
    for case in reversed(cases):
        n_tests += len(case.failed)
        if n_tests > MOST_TESTS:
            return
        if case.blocks is not None:
            yield case


def _worths(case: Case, model: Model) -> Iterator[Worth]:
    """Yield the utility of the order of a case under each option."""
    assert case.blocks is not None
    gains = relative_gains(model, model.scores(case.rows()))
    known: dict[tuple[int, ...], Worth] = {}
    for balance in OPTIONS:
        order = tuple(case.blocks.order(gains, case.expected_s, model.thrift, balance))
        if order not in known:
            known[order] = worth(order, case)
        yield known[order]


def _proved_gain(values: Sequence[Worth], usual: Sequence[Worth]) -> float:
    """Return the mean gain in utility; 0 if it is not proved, or all failures come later."""
    gains = [ours.mean - theirs.mean for ours, theirs in zip(values, usual, strict=True)]
    gain = fmean(gains)
    if gain <= ERRORS * stdev(gains) / sqrt(len(gains)):
        return 0.0
    loss = fmean(theirs.apfdc - ours.apfdc for ours, theirs in zip(values, usual, strict=True))
    return gain if loss <= 0.0 else 0.0
