"""Summarise the features of a run as counts in fixed bins, which can be added up over runs."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Final

from ..schema import FEATURES, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..schema import Feature

MOST_ROWS: Final = 2000
"""Rows of a run that are summarised: every n-th row, so that the cost has a limit."""

_EDGES: Final[Mapping[str, tuple[float, ...]]] = {
    "share": (0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75),
    "ratio": (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0),
    "runs": (0.0, 1.0, 3.0, 7.0, 15.0, 31.0, 63.0, 127.0, 999.0),
    "yes/no": (0.0,),
    "count": (0.0, 1.0, 2.0, 3.0, 4.0),
    "log": (-4.0, -2.0, -1.0, 0.0, 0.7, 1.4, 2.1, 2.8, 3.5, 4.2, 5.0, 6.0, 7.0),
}
"""Upper ends of all bins but the last, by unit of the feature."""

_BY_NAME: Final = {feature.name: feature for feature in FEATURES}


def edges_of(name: str) -> tuple[float, ...]:
    """Return the upper ends of the bins of a feature; () for an unknown feature."""
    feature = _BY_NAME.get(name)
    return () if feature is None else _EDGES[feature.unit]


def summarise(columns: Sequence[Sequence[float]]) -> dict[str, tuple[int, ...]]:
    """Return by feature the number of tests without a value, then those in each bin.

    Trailing zeros are left out. At most `MOST_ROWS` tests are read.

    Args:
        columns: as in `schema.FEATURES`, each with one value for each test.

    >>> from ..schema import NAMES
    >>> one = [(1.0,) if name == "is_new" else (0.0,) for name in NAMES]
    >>> summarise([each * 2 for each in one])["is_new"], summarise(one)["rate_2"]
    ((0, 0, 2), (0, 1))
    """
    n = len(columns[0]) if columns else 0
    if not n:
        return {}
    step = -(-n // MOST_ROWS)
    return {
        feature.name: _counts(feature, Counter(column[::step]))
        for feature, column in zip(FEATURES, columns, strict=True)
    }


def _counts(feature: Feature, values: Mapping[float, int]) -> tuple[int, ...]:
    edges = _EDGES[feature.unit]
    counts = [0] * (len(edges) + 2)
    may_be_unknown = feature.default == UNKNOWN
    for value, n in values.items():
        is_unknown = may_be_unknown and value == UNKNOWN
        counts[0 if is_unknown else bisect_left(edges, value) + 1] += n
    while len(counts) > 1 and not counts[-1]:
        counts.pop()
    return tuple(counts)


def added(histograms: Sequence[Sequence[int]]) -> list[int]:
    """Return the sums of histograms of different lengths.

    >>> added([(1, 2), (0, 1, 5)])
    [1, 3, 5]
    """
    total = [0] * max(map(len, histograms), default=0)
    for each in histograms:
        for at, n in enumerate(each):
            total[at] += n
    return total


def mean_bin(histogram: Sequence[int]) -> float | None:
    """Return the mean number of the bin of the known values; None without known values.

    >>> mean_bin((7, 1, 0, 1))
    1.0
    """
    known = histogram[1:]
    n = sum(known)
    return sum(at * count for at, count in enumerate(known)) / n if n else None


def missing_share(histogram: Sequence[int]) -> float | None:
    """Return the share of the values that are not known; None for an empty histogram."""
    n = sum(histogram)
    return histogram[0] / n if n else None
