"""Intervals for shares of seconds and of tests, which no formula for counts covers."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.selection.shares import Share

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


def _ratio(parts: Sequence[tuple[float, float]]) -> float | None:
    whole = sum(each for _, each in parts)
    return sum(part for part, _ in parts) / whole if whole > 0 else None
