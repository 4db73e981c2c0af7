"""Measure, after a run, the quality of an order of tests and of the predicted probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum
from statistics import fmean
from typing import TYPE_CHECKING, Final

from .baselines import order_by

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

BUDGETS: Final = (0.05, 0.1, 0.2, 0.5)
"""Shares of a run's seconds at which the failures found so far are counted."""


@dataclass(frozen=True, slots=True)
class Score:
    """The metrics of one order on one run."""

    apfd: float
    """Average percentage of faults detected, from 0 to 1; higher is better."""
    apfdc: float
    """APFD weighted by time."""
    first_failure: float
    """Share of the run's seconds until the end of the first failing test."""
    recall: tuple[float, ...]
    """Share of the failing tests that end within each of `BUDGETS`."""
    caught: tuple[float, ...]
    """1 if any failing test ends within the budget, else 0; in a mean, the share of these runs."""
    charged: float = 0.0
    """APFDc if a test that hangs costs the seconds that it was expected to take."""
    first_charged: float = 0.0
    """`first_failure` under the same condition."""


def score(order: Sequence[int], failed: Sequence[bool], duration_s: Sequence[float]) -> Score:
    """Return the metrics of an order; each failing test is one fault.

    A run has n tests and T seconds; m of the tests fail. TF are the positions of the failing tests,
    from 1. LEFT are, for each failing test, the seconds from its start to the end of the run, minus
    half of its own duration:

        APFD  = 1 - sum(TF) / (n m) + 1 / (2 n)
        APFDc = sum(LEFT) / (m T)

    APFD: G. Rothermel et al., Test case prioritization: an empirical study, ICSM 1999. APFDc: S.
    Elbaum et al., Incorporating varying test costs and fault severities into test case
    prioritization, ICSE 2001, with equally severe faults. If all durations are 0, each test counts
    as one second.

    >>> score([1, 0], [False, True], [3.0, 1.0]).apfdc
    0.875

    Raises:
        ValueError: no test fails, or a failing test is not in the order.
    """
    m, n = sum(failed), len(order)
    if not m or m != sum(failed[at] for at in order):
        raise ValueError("no test fails in this run, or a failing one is not in the order")
    total = fsum(duration_s)
    cost = duration_s if total > 0 else [1.0] * n
    total = total if total > 0 else float(n)
    elapsed, places, gains, ends = 0.0, 0, 0.0, []
    for place, at in enumerate(order, 1):
        if failed[at]:
            places += place
            gains += total - elapsed - cost[at] / 2
            ends.append((elapsed + cost[at]) / total)
        elapsed += cost[at]
    recall = tuple(sum(end <= budget for end in ends) / m for budget in BUDGETS)
    caught = tuple(float(ends[0] <= budget) for budget in BUDGETS)
    apfd, apfdc = 1 - places / (n * m) + 1 / (2 * n), gains / (total * m)
    first = min(1.0, ends[0])
    return Score(apfd, apfdc, first, recall, caught, apfdc, first)


def mean(scores: Iterable[Score]) -> Score:
    """Return the mean of each metric.

    >>> mean([Score(0.5, 0.2, 1.0, (0.0,), (0.0,)), Score(1.0, 0.4, 0.0, (1.0,), (1.0,))]).apfd
    0.75
    """
    scores = list(scores)
    return Score(
        fmean(each.apfd for each in scores),
        fmean(each.apfdc for each in scores),
        fmean(each.first_failure for each in scores),
        tuple(fmean(column) for column in zip(*(each.recall for each in scores), strict=True)),
        tuple(fmean(column) for column in zip(*(each.caught for each in scores), strict=True)),
        fmean(each.charged for each in scores),
        fmean(each.first_charged for each in scores),
    )


def average_precision(p: Sequence[float], failed: Sequence[bool]) -> float:
    """Return the mean precision at each failure, in descending order of p; 0 without a failure.

    >>> average_precision([0.9, 0.5, 0.1], [True, False, True])
    0.8333333333333333
    """
    hits, total = 0, 0.0
    for place, at in enumerate(order_by(p), 1):
        if failed[at]:
            hits += 1
            total += hits / place
    return total / hits if hits else 0.0


def brier(p: Sequence[float], failed: Sequence[bool]) -> float:
    """Return the mean squared difference of probability and outcome (G. Brier, 1950).

    >>> brier([1.0, 0.5], [True, False])
    0.125
    """
    return fmean((each - bad) ** 2 for each, bad in zip(p, failed, strict=True))


def calibration(
    p: Sequence[float], failed: Sequence[bool], edges: Sequence[float] = (0.001, 0.01, 0.1, 0.5)
) -> list[Mapping[str, float]]:
    """Return for each bin of probability: number of tests, mean prediction, share that failed."""
    bins: dict[float, list[tuple[float, bool]]] = {}
    for each, bad in zip(p, failed, strict=True):
        bins.setdefault(sum(each >= edge for edge in edges), []).append((each, bad))
    return [
        {
            "tests": len(found),
            "predicted": fmean(each for each, _ in found),
            "failed": fmean(bad for _, bad in found),
        }
        for _, found in sorted(bins.items())
    ]
