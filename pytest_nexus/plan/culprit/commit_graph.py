"""Say which commits contain which other commits, and how much probability each contains. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Lineage(NamedTuple):
    """The commits that may have broken a test, each after its parents."""

    ids: tuple[str, ...]
    ancestors: tuple[int, ...]
    """For each commit, the bits of the commits that it contains, its own bit included."""
    is_linear: bool
    """Whether every commit contains all commits before it."""


def lineage_of(commits: Sequence[tuple[str, tuple[str, ...]]]) -> Lineage:
    """Return the lineage of commits that are given with their parents, each after its parents.

    Parents that are not among the commits are good, and are left out.

    >>> lineage_of([("a", ("good",)), ("b", ("a",)), ("c", ("a",)), ("m", ("b", "c"))]).ancestors
    (1, 3, 5, 15)
    """
    places: dict[str, int] = {}
    ancestors: list[int] = []
    for place, (commit, parents) in enumerate(commits):
        bits = 1 << place
        for parent in parents:
            if parent in places:
                bits |= ancestors[places[parent]]
        places[commit] = place
        ancestors.append(bits)
    is_linear = all(bits == (2 << place) - 1 for place, bits in enumerate(ancestors))
    return Lineage(tuple(places), tuple(ancestors), is_linear)


def contained(lineage: Lineage, probabilities: Sequence[float]) -> list[float]:
    """Return for each commit the sum of the probabilities of the commits that it contains.

    >>> contained(lineage_of([("a", ()), ("b", ("a",))]), [0.25, 0.5])
    [0.25, 0.75]
    """
    if not lineage.is_linear:
        return [_sum(bits, probabilities) for bits in lineage.ancestors]
    sums: list[float] = []
    total = 0.0
    for each in probabilities[: len(lineage.ids)]:
        total += each
        sums.append(total)
    return sums


def _sum(bits: int, probabilities: Sequence[float]) -> float:
    total = 0.0
    while bits:
        lowest = bits & -bits
        total += probabilities[lowest.bit_length() - 1]
        bits ^= lowest
    return total
