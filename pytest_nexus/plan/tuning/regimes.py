"""Find since when the suite takes as long as it takes now. Pure."""

from __future__ import annotations

from math import log
from statistics import median
from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.insights.slower_tests import change_point, rank_z

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.plan.tuning.rounds import Round

EACH_SIDE: Final = 10
"""Fewest rounds before and after a change, as `change_point` demands."""

_LEAST_Z: Final = 3.7
"""About 1 in 10,000 sequences without a change exceeds this at one split."""

_LEAST_CHANGE: Final = 0.15
"""A smaller change of the sum, as a share, moves no setting by itself."""

_COMPARED: Final = 100
"""Rounds on each side of a change that are compared."""


def regime_start(rounds: Sequence[Round]) -> int:
    """Return the index of the first round after the last change of the suite's seconds.

    0 if the seconds never changed for good. Earlier rounds say little about the settings of now.
    """
    sums = [log(max(sum(each.seconds), 1e-4)) for each in rounds]
    start = 0
    while len(sums) - start >= 2 * EACH_SIDE:
        at = start + change_point(sums[start:])
        before = sums[max(start, at - _COMPARED) : at]
        after = sums[at : at + _COMPARED]
        if abs(median(after) - median(before)) < log(1 + _LEAST_CHANGE):
            break
        if abs(rank_z(before, after)) < _LEAST_Z:
            break
        start = at
    return start
