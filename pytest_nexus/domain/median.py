"""Compute the median without the imports of `statistics`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def lower_median(values: Iterable[float]) -> float:
    """Return the median; of an even number of values, the smaller of the two in the middle.

    >>> lower_median([4.0, 1.0, 3.0, 2.0])
    2.0
    """
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) // 2]
