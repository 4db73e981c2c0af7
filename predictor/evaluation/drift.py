"""Detect drift: whether features, failures or the quality of forecasts change over the runs."""

from __future__ import annotations

from math import comb, log
from random import Random
from statistics import fmean, pstdev
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

SHIFTED: Final = 0.25
"""A larger PSI is a major shift, a PSI below 0.1 is none (N. Siddiqi, Credit risk scorecards,
2006, where both are rules of thumb)."""

MOVED: Final = 0.1
"""A PSI from here on is worth a look."""

ERROR: Final = 0.05
"""Probability of a false alarm about any feature in one check, if runs are independent. Each
of m features gets the m-th part (C. Bonferroni, 1936)."""

ALLOWANCE: Final = 0.5
"""Deviation per run, in standard deviations, that Page-Hinkley forgives."""

LIMIT: Final = 5.0
"""Sum of deviations, in standard deviations, at which Page-Hinkley alarms. With `ALLOWANCE` 0.5,
normal values and a known mean, a false alarm comes once in 930 runs, and a shift by one standard
deviation is found after about 10 (NIST/SEMATECH e-Handbook of statistical methods, 6.3.2.3)."""

_ORDERS: Final = 399
"""Random orders with which a height is compared."""

_SMOOTHING: Final = 0.5
"""Added to each count, so that an empty bin has a logarithm."""


def psi(before: Sequence[float], after: Sequence[float]) -> float:
    """Return the population stability index of two histograms with the same bins.

        PSI = sum((q - p) ln(q / p)),  p = (n + 1/2) / (N + k/2)

    over the k bins that either histogram uses. It is 0 for equal shares, and the sum of both
    Kullback-Leibler divergences.

    >>> psi([50, 50], [500, 500]) < 0.001 < 0.25 < psi([50, 50], [10, 90])
    True
    """
    width = max(len(before), len(after))
    padded = [[*each, *[0] * (width - len(each))] for each in (before, after)]
    used = [(a, b) for a, b in zip(*padded, strict=True) if a or b]
    room = _SMOOTHING * len(used)
    n, m = sum(before) + room, sum(after) + room
    found = 0.0
    for a, b in used:
        p, q = (a + _SMOOTHING) / n, (b + _SMOOTHING) / m
        found += (q - p) * log(q / p)
    return found


class Difference(NamedTuple):
    """The result of a two-sample test of Kolmogorov and Smirnov."""

    distance: float
    """Largest difference of the two distribution functions, from 0 to 1."""
    p: float
    """Probability of such a distance or a larger one, if both samples have one distribution."""


def kolmogorov_smirnov(before: Sequence[float], after: Sequence[float]) -> Difference:
    """Return how different two samples are.

    The probability is exact without ties, and an upper bound with ties: the share of the lattice
    paths from (0, 0) to (n, m) that leave the band |i/n - j/m| < D (J. Hodges, The significance
    probability of the Smirnov two-sample test, 1958).

    >>> kolmogorov_smirnov([1, 2, 3, 4], [5, 6, 7, 8])
    Difference(distance=1.0, p=0.02857142857142857)

    Raises:
        ValueError: a sample is empty.
    """
    n, m = len(before), len(after)
    if not n or not m:
        raise ValueError("a sample is empty")
    distance = _distance(sorted(before), sorted(after))
    return Difference(distance / (n * m), _share_outside(n, m, distance))


def _distance(before: Sequence[float], after: Sequence[float]) -> int:
    """Return the largest difference of the distribution functions, times n m."""
    n, m = len(before), len(after)
    i = j = most = 0
    while i < n and j < m:
        value = min(before[i], after[j])
        while i < n and before[i] <= value:
            i += 1
        while j < m and after[j] <= value:
            j += 1
        most = max(most, abs(i * m - j * n))
    return most


def _share_outside(n: int, m: int, distance: int) -> float:
    """Return the share of lattice paths on which |i m - j n| reaches a distance."""
    inside = [1 if j * n < distance else 0 for j in range(m + 1)]
    for j in range(1, m + 1):
        inside[j] = inside[j] and inside[j - 1]
    for i in range(1, n + 1):
        inside[0] = inside[0] if i * m < distance else 0
        for j in range(1, m + 1):
            inside[j] = inside[j] + inside[j - 1] if abs(i * m - j * n) < distance else 0
    total = comb(n + m, n)
    return (total - inside[m]) / total


class Alarm(NamedTuple):
    """The result of a Page-Hinkley test."""

    height: float
    """The largest sum of deviations since an alarm was last possible, in standard deviations."""
    since: int | None
    """Index of the first value of the change; None without an alarm."""


def page_hinkley(reference: Sequence[float], values: Sequence[float], sign: int) -> Alarm:
    """Return whether the mean of later values leaves the mean of a reference in one direction.

        m_t = m_{t-1} + sign (x_t - mean_t) / s - 1/2,  height = m_T - min(m_t)

    mean_t is the mean of the reference and of all values before x_t, s the standard deviation of
    the reference. The alarm starts at the value after the minimum (E. Page, Continuous inspection
    schemes, Biometrika 1954; J. Gama et al., On evaluating stream learning algorithms, 2013). A
    height that falls below the limit again is no alarm any more.

    Args:
        reference: at least two values.
        values: in time order.
        sign: 1 to detect larger values, -1 to detect smaller ones.

    >>> page_hinkley([0.5, 0.4] * 20, [0.5, 0.4, 0.9, 0.9, 0.9], 1)
    Alarm(height=24.8816067653277, since=2)
    """
    spread = max(pstdev(reference), 1e-9)
    mean, n = fmean(reference), len(reference)
    total = least = 0.0
    since = 0
    for at, value in enumerate(values):
        total += sign * (value - mean) / spread - ALLOWANCE
        if total < least:
            least, since = total, at + 1
        n += 1
        mean += (value - mean) / n
    height = total - least
    return Alarm(height, since if height >= LIMIT else None)


def chance_of_height(
    reference: Sequence[float], values: Sequence[float], sign: int, height: float
) -> float:
    """Return how probable a height of Page-Hinkley is if nothing changes.

        p = (1 + orders with this height or more) / (1 + orders)

    All values are put in random orders, and the first ones are the reference each time. If nothing
    changes, every order is equally likely, so that p is at most `a` with a probability of at most
    `a`, whatever the values are distributed like (R. Fisher, The design of experiments, 1935;
    B. Phipson and G. Smyth, Permutation p-values should never be zero, 2010).

    Args:
        reference: as for `page_hinkley`.
        values: as for `page_hinkley`.
        sign: as for `page_hinkley`.
        height: the height in the real order.

    >>> chance_of_height([0.5, 0.4] * 20, [0.5, 0.4, 0.9, 0.9, 0.9], 1, 24.88)
    0.0025
    """
    random, n = Random(0), len(reference)  # noqa: S311 - no secret depends on it
    pool = [*reference, *values]
    larger = 0
    for _ in range(_ORDERS):
        random.shuffle(pool)
        larger += page_hinkley(pool[:n], pool[n:], sign).height >= height
    return (1 + larger) / (1 + _ORDERS)
