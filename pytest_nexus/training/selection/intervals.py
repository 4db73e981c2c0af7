"""Intervals for shares of seconds and of tests, which no formula for counts covers."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.selection.shares import Share, of_counts

if TYPE_CHECKING:
    from collections.abc import Sequence

_RESAMPLES: Final = 400


def of_sums(parts: Sequence[tuple[float, float]]) -> Share | None:
    """Return sum of parts by sum of wholes, with a bootstrap interval over runs; None of nothing.

    Args:
        parts: of each run: part and whole.
    """
    share = _ratio(parts)
    if share is None:
        return None
    random = Random(len(parts))  # noqa: S311 - resampling, no secret
    found = sorted(
        share if (each := _ratio(random.choices(parts, k=len(parts)))) is None else each
        for _ in range(_RESAMPLES)
    )
    edge = _RESAMPLES // 40
    return Share(share, found[edge], found[-edge - 1])


def of_tests(parts: Sequence[tuple[float, float]]) -> Share | None:
    """Return the share of tests, with an interval over runs; None without a test.

    If no test counts, or all do, then so it is in each resample, and a bootstrap would claim to be
    certain. Wilson's interval for the number of runs takes its place: tests of one run fail
    together.

    Args:
        parts: of each run: tests that count, and all tests.

    >>> found = of_tests([(0, 5)] * 19)
    >>> round(found.share, 3), round(found.low, 3), round(found.high, 3)
    (0.0, 0.0, 0.168)
    """
    found = of_sums(parts)
    if found is None or 0.0 < found.share < 1.0:
        return found
    n_runs = sum(whole > 0 for _, whole in parts)
    return of_counts(n_runs if found.share else 0, n_runs)


def _ratio(parts: Sequence[tuple[float, float]]) -> float | None:
    whole = sum(each for _, each in parts)
    return sum(part for part, _ in parts) / whole if whole > 0 else None
