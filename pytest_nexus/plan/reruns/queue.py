"""Which test of a single process is next: one not run yet, or a rerun that waited long enough."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True)
class Step:
    """One execution of a test; not frozen, which would make it three times as slow to make."""

    index: int
    """Of the test, in the order of execution."""
    start_at: float = 0.0
    """On the clock of the queue; 0: at once."""
    is_rerun: bool = False


class RunQueue:
    """Tests in their order, with reruns put back among them.

    A rerun that is due goes next, unless that would interrupt a block of tests that share a
    set-up, even its own: there may be smaller ones within. When only reruns are left, the earliest
    is next, whether it is due or not.

    Args:
        n_tests: how many there are, in the order of execution.
        block_of: names the set-up that a test shares with others; empty for none.
    """

    def __init__(self, n_tests: int, block_of: Callable[[int], str]) -> None:
        self._fresh = deque(range(n_tests))
        self._waiting: list[tuple[float, int]] = []
        self._block_of = block_of
        self._last: int | None = None
        self._is_held = False

    def hold(self, *, is_held: bool) -> None:
        """Let reruns wait until it is known whether they are worth it, or let them go on."""
        self._is_held = is_held

    @property
    def n_fresh(self) -> int:
        """Tests that have not been taken once."""
        return len(self._fresh)

    @property
    def n_waiting(self) -> int:
        """Reruns that have not been taken."""
        return len(self._waiting)

    def put_back(self, index: int, due: float) -> None:
        """A test is to be run again, not before `due`."""
        heappush(self._waiting, (due, index))

    def take(self, now: float) -> Step | None:
        """Take what is next; None when nothing is left, or nothing but reruns that are held."""
        if self._fresh:
            if self._waiting and not self._is_held and self._is_due(now):
                return self._take_rerun()
            self._last = self._fresh.popleft()
            return Step(self._last)
        return self._take_rerun() if self._waiting and not self._is_held else None

    def drop_reruns(self) -> None:
        """Forget the reruns that are left."""
        self._waiting.clear()

    def _is_due(self, now: float) -> bool:
        if self._waiting[0][0] > now:
            return False
        next_block = self._block_of(self._fresh[0])
        return not next_block or self._last is None or next_block != self._block_of(self._last)

    def _take_rerun(self) -> Step:
        due, self._last = heappop(self._waiting)
        return Step(self._last, due, is_rerun=True)
