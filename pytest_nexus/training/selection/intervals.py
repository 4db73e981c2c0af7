"""Intervals for shares that were realised on past runs."""

from __future__ import annotations

from math import sqrt
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_Z: Final = 1.959964
_RESAMPLES: Final = 400


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


def _ratio(parts: Sequence[tuple[float, float]]) -> float | None:
    whole = sum(each for _, each in parts)
    return sum(part for part, _ in parts) / whole if whole > 0 else None
