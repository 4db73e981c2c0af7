"""NAPFD under a schedule that ends early, the figure that RETECS publishes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

BUDGET: Final = 0.5
"""Share of the seconds of a cycle that its schedule may take."""


def napfd(order: Sequence[int], failed: Sequence[bool], duration_s: Sequence[float]) -> float:
    """Return p - (sum of the ranks of the failures found) / (n * m) + p / (2 * n).

    p is the share of the m failures that the schedule finds: it takes the n tests in their order,
    and ends before the first one that does not fit into `BUDGET` of the seconds of all (H. Spieker
    et al., Reinforcement learning for automatic test case prioritization and selection in
    continuous integration, ISSTA 2017).

    >>> napfd([0, 1], [True, False], [1.0, 1.0]), napfd([1, 0], [True, False], [1.0, 1.0])
    (0.75, 0.0)

    Raises:
        ValueError: if no test fails.
    """
    n, m = len(order), sum(failed)
    if not m:
        raise ValueError("no test fails in this cycle")
    left_s, ranks = BUDGET * sum(duration_s), []
    for rank, at in enumerate(order, 1):
        left_s -= duration_s[at]
        if left_s < 0:
            break
        if failed[at]:
            ranks.append(rank)
    p = len(ranks) / m
    return p - sum(ranks) / (n * m) + p / (2 * n)
