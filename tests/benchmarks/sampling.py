"""Variants that take turns, and what their measurements say relative to each other."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one process cost, those that it started and waited for included, or one call."""

    cpu_s: float
    """Seconds of processor, user and system: what else the machine does hardly shows in it."""
    wall_s: float
    output: str = ""


def take_turns(variants: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Return `rounds` measurements of each variant.

    Each round measures every variant once, in a shuffled order: what else the machine does, and
    what the variant before left in its caches, falls on all of them alike.
    """
    random = Random(rounds)
    names = list(variants)
    taken: dict[str, list[T]] = {name: [] for name in names}
    for _ in range(rounds):
        random.shuffle(names)
        for name in names:
            taken[name].append(variants[name]())
    return taken


def excess(values: Sequence[float], base: Sequence[float]) -> float:
    """Return the median over the rounds of value - base.

    >>> excess([3.0, 9.0, 4.0], [1.0, 7.0, 1.0])
    2.0
    """
    return median(value - other for value, other in zip(values, base, strict=True))


def ratio(values: Sequence[float], base: Sequence[float]) -> float:
    """Return the median over the rounds of value / base."""
    return median(value / other for value, other in zip(values, base, strict=True))


def cost(call: Callable[[], object]) -> Cost:
    """Return what one call costs in this process; the time of child processes is in `wall_s`."""
    wall, cpu = perf_counter(), process_time()
    call()
    return Cost(process_time() - cpu, perf_counter() - wall)
