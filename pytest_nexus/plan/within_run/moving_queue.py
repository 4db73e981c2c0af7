"""Hold places in the order of a plan; some places move forward or back."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class MovingQueue:
    """Places from 0 to n - 1 in the order of the plan, until `move` gives one another rank.

    The next place is the one with the highest rank. Among equal ranks, the order of the plan holds.
    Looking costs O(1), taking O(1), and moving O(log n), all amortised.

    Args:
        ranks: rank of each place, which must not rise from one place to the next.
    """

    def __init__(self, ranks: Sequence[float]) -> None:
        self._ranks = ranks
        self._n = len(ranks)
        self._gone = bytearray(len(ranks))
        """1 for a place that was taken; 2 for a place that has moved."""
        self._first = 0
        self._moved: dict[int, float] = {}
        self._heap: list[tuple[float, int]] = []

    def __len__(self) -> int:
        return self._n

    def first(self) -> int:
        """Return the next place.

        Raises:
            IndexError: no place is left.
        """
        while self._first < len(self._gone) and self._gone[self._first]:
            self._first += 1
        heap, moved = self._heap, self._moved
        while heap and moved.get(heap[0][1]) != -heap[0][0]:
            heappop(heap)
        if not heap:
            if self._first == len(self._gone):
                raise IndexError("no place is left")
            return self._first
        if self._first == len(self._gone):
            return heap[0][1]
        rank, place = -heap[0][0], heap[0][1]
        planned = self._ranks[self._first]
        return place if (rank, -place) > (planned, -self._first) else self._first

    def take(self, place: int) -> None:
        """Take a place, the first one or any other.

        Raises:
            ValueError: the place was taken before.
        """
        if self._gone[place] == 1:
            raise ValueError(f"place {place} was taken before")
        self._gone[place] = 1
        self._moved.pop(place, None)
        self._n -= 1

    def has(self, place: int) -> bool:
        """Return whether a place is left."""
        return self._gone[place] != 1

    def move(self, place: int, rank: float) -> None:
        """Give a place that is left another rank; a place that was taken stays taken."""
        if self._gone[place] == 1 or self._moved.get(place) == rank:
            return
        self._gone[place] = 2
        self._moved[place] = rank
        heappush(self._heap, (-rank, place))
