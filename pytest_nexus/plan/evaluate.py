"""How good an order was, and the orders that it is compared with.

An order is a sequence of collection indices; `failing` holds the indices of the tests that failed,
each taken as one fault; `durations` are seconds by collection index.
"""

from __future__ import annotations

from math import fsum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence


def apfd(order: Sequence[int], failing: Collection[int]) -> float:
    """Return the average percentage of faults detected, from 0 to 1, higher is better.

    1 - sum(TF) / (n m) + 1 / (2 n), where TF are the positions, from 1, of the m failing tests
    among n (G. Rothermel et al., Test case prioritization: an empirical study, ICSM 1999).

    >>> apfd([1, 0, 2, 3], failing={1})
    0.875

    Raises:
        ValueError: if no test fails, or a failing one is not in the order.
    """
    _require_failing(order, failing)
    positions = [rank for rank, index in enumerate(order, 1) if index in failing]
    n, m = len(order), len(positions)
    return 1 - sum(positions) / (n * m) + 1 / (2 * n)


def apfdc(order: Sequence[int], failing: Collection[int], durations: Sequence[float]) -> float:
    """Return APFD with each test weighed by its duration, all faults equally severe.

    sum over faults of (seconds from the start of the failing test to the end of the run - half of
    that test) / (m * seconds of the run), after S. Elbaum et al., Incorporating varying test costs
    and fault severities into test case prioritization, ICSE 2001. With equal durations it is
    `apfd`, and so it is where all of them are 0.

    >>> apfdc([1, 0], failing={1}, durations=[3.0, 1.0])
    0.875

    Raises:
        ValueError: if no test fails, or a failing one is not in the order.
    """
    _require_failing(order, failing)
    total = fsum(durations[index] for index in order)
    if total <= 0:
        return apfd(order, failing)
    elapsed = gained = 0.0
    for index in order:
        if index in failing:
            gained += total - elapsed - durations[index] / 2
        elapsed += durations[index]
    return gained / (total * len(failing))


def time_to_first_failure_share(
    order: Sequence[int], failing: Collection[int], durations: Sequence[float]
) -> float:
    """Return the share of the run's seconds until the first failing test has ended.

    Where all durations are 0 it is the share of the tests.

    >>> time_to_first_failure_share([1, 0], failing={1}, durations=[3.0, 1.0])
    0.25

    Raises:
        ValueError: if no test fails, or a failing one is not in the order.
    """
    _require_failing(order, failing)
    first = next(rank for rank, index in enumerate(order, 1) if index in failing)
    total = fsum(durations[index] for index in order)
    if total <= 0:
        return first / len(order)
    return min(1.0, fsum(durations[index] for index in order[:first]) / total)


def collection_order(n: int) -> list[int]:
    """Return the order of collection.

    >>> collection_order(3)
    [0, 1, 2]
    """
    return list(range(n))


def shuffled(n: int, shuffle: Callable[[list[int]], None]) -> list[int]:
    """Return an order that `shuffle`, such as `random.Random(seed).shuffle`, makes in place.

    >>> shuffled(3, list.reverse)
    [2, 1, 0]
    """
    order = list(range(n))
    shuffle(order)
    return order


def last_failed_first(last_failed: Sequence[bool]) -> list[int]:
    """Return pytest's `--ff`: what failed when it last ran, then the rest.

    >>> last_failed_first([False, True, False])
    [1, 0, 2]
    """
    return sorted(range(len(last_failed)), key=lambda index: not last_failed[index])


def fastest_first(durations: Sequence[float | None]) -> list[int]:
    """Return ascending durations; tests without one come first, as in pytest-ranking.

    >>> fastest_first([2.0, 1.0, None])
    [2, 1, 0]
    """
    return sorted(range(len(durations)), key=lambda index: durations[index] or 0.0)


def _require_failing(order: Sequence[int], failing: Collection[int]) -> None:
    missing = set(failing).difference(order)
    if not failing or missing:
        message = f"failing must name tests of the order, at least one, got {sorted(failing)!r}"
        raise ValueError(message)
