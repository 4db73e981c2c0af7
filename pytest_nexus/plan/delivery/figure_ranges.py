"""Intervals of 95 % around rates and medians. Pure."""

from __future__ import annotations

from math import comb
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_Z: Final = 1.959964
_TAIL: Final = 0.025


def counts_range(n: int) -> tuple[float, float]:
    """Return the range of the mean of a Poisson variable that was n.

    Byar's approximation of the exact interval (Breslow and Day, Statistical methods in cancer
    research II, 1987, page 69):

        n (1 - 1 / (9 n) - z / (3 sqrt(n)))^3,   m (1 - 1 / (9 m) + z / (3 sqrt(m)))^3, m = n + 1.

    >>> [round(bound, 2) for bound in counts_range(10)]
    [4.79, 18.39]
    """
    more = n + 1
    low = n * (1 - 1 / (9 * n) - _Z / (3 * n**0.5)) ** 3 if n else 0.0
    return max(0.0, low), more * (1 - 1 / (9 * more) + _Z / (3 * more**0.5)) ** 3


def median_range(values: Sequence[float]) -> tuple[float, float] | None:
    """Return the range of the median by ranks, whatever the distribution; None for fewer than six.

    With n values in order, the median lies between the k-th from each end if
    P(Binomial(n, 1/2) < k) <= 2.5 % (David and Nagaraja, Order statistics, 2003, section 7.1).

    >>> median_range([1, 2, 3, 4, 5, 6]), median_range([1, 2, 3, 4, 5])
    ((1, 6), None)
    """
    ordered = sorted(values)
    n = len(ordered)
    below, k = 0, 0
    while k < n and (below + comb(n, k)) <= _TAIL * 2**n:
        below += comb(n, k)
        k += 1
    return (ordered[k - 1], ordered[n - k]) if k else None
