"""A share that was counted, with its interval. Pure."""

from __future__ import annotations

from math import sqrt
from typing import Final, NamedTuple

_Z: Final = 1.959964


class Share(NamedTuple):
    """A share with its 95 % interval."""

    share: float
    low: float
    high: float


def of_counts(n_hits: int, n: int) -> Share | None:
    """Return the share of hits with Wilson's interval; None without any trial.

    E. Wilson, Probable inference, the law of succession, and statistical inference, 1927.

    >>> [round(value, 3) for value in of_counts(19, 20)]
    [0.95, 0.764, 0.991]
    """
    if not n:
        return None
    share, square = n_hits / n, _Z * _Z
    middle = (share + square / (2 * n)) / (1 + square / n)
    spread = _Z / (1 + square / n) * sqrt(share * (1 - share) / n + square / (4 * n * n))
    return Share(
        share, max(0.0, min(share, middle - spread)), min(1.0, max(share, middle + spread))
    )
