"""The simple orders that a model has to beat."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

from ..schema import NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..features.rows import Row

LEAST_S: Final = 1e-3
"""Overhead of pytest for each test; shorter durations are noise."""
_AT: Final = {name: at for at, name in enumerate(NAMES)}


def order_by(values: Sequence[float]) -> list[int]:
    """Return positions by descending value; ties keep the given order."""
    return sorted(range(len(values)), key=lambda at: -values[at])


def baselines() -> dict[str, Callable[[Sequence[Row], Sequence[float]], list[float]]]:
    """Return the simple orders by name; each is a function of rows and expected seconds."""

    def column(name: str, sign: float = 1.0) -> Callable[[Sequence[Row], object], list[float]]:
        return lambda rows, _: [sign * row[_AT[name]] for row in rows]

    def rate_by_time(rows: Sequence[Row], seconds: Sequence[float]) -> list[float]:
        # Tests that never failed have rate 0 and would tie; the fastest of them come first.
        return [
            (row[_AT["rate_2"]] + 1e-9) / max(s, LEAST_S)
            for row, s in zip(rows, seconds, strict=True)
        ]

    return {
        "collection order": lambda rows, _: [0.0] * len(rows),
        "--ff, last failed first": lambda rows, _: [
            float(row[_AT["since_failure"]] == 0) for row in rows
        ],
        "most recent failure first": column("since_failure", -1.0),
        "failure rate": column("rate_all"),
        "weighted failure rate": column("rate_2"),
        "weighted rate / time": rate_by_time,
        "fastest first": lambda _, seconds: [-each for each in seconds],
        "similarity alone": column("similarity"),
        "pytest-ranking": _pytest_ranking,
    }


def _pytest_ranking(rows: Sequence[Row], seconds: Sequence[float]) -> list[float]:
    """Return pytest-ranking's score with its default weights 1-0-0: fastest tests first.

    pytest-ranking knows no duration of new tests, so they have duration 0 and come first.
    """
    return [0.0 if row[_AT["is_new"]] else -each for row, each in zip(rows, seconds, strict=True)]


def shuffles(n: int, seeds: int = 20) -> Iterator[list[int]]:
    """Yield random orders; the same orders for the same n."""
    for seed in range(seeds):
        order = list(range(n))
        Random(seed).shuffle(order)  # noqa: S311 - a shuffle, no secret
        yield order
