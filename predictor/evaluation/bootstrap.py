"""Test whether one order is really better than another on a sample of runs."""

from __future__ import annotations

from random import Random
from statistics import fmean
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_RESAMPLES: Final = 2000


def improvement(
    better: Sequence[float], worse: Sequence[float], seed: int = 0
) -> tuple[float, float, float]:
    """Return the mean paired difference with its 5 % and 95 % quantiles by bootstrap.

    Runs are drawn with replacement, 2000 times (B. Efron and R. Tibshirani, An introduction to the
    bootstrap, 1993).

    Raises:
        ValueError: there are no pairs.
    """
    differences = [a - b for a, b in zip(better, worse, strict=True)]
    random = Random(seed)  # noqa: S311 - resampling, no secret
    n = len(differences)
    if not n:
        raise ValueError("there is no run to compare on")
    means = sorted(fmean(random.choices(differences, k=n)) for _ in range(_RESAMPLES))
    return fmean(differences), means[_RESAMPLES // 20], means[-_RESAMPLES // 20]
