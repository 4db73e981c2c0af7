"""Choose the next test of a single process: a fresh test, or a rerun that waited long enough."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True)
class Step:
    """One execution of a test; not frozen, because that triples the time to make it."""

    index: int
    """Index of the test in the order of execution."""
    start_at: float = 0.0
    """Earliest start on the clock of the queue; 0: at once."""
    is_rerun: bool = False


class Fresh(Protocol):
    """Tests that have never been taken."""

    def __len__(self) -> int:
        """Return their number."""

    def first(self) -> int:
        """Return the next test."""

    def take(self) -> int:
        """Take the next test."""

    def learn(self, place: int, *, has_failed: bool) -> None:
        """Change the order by the outcome of a test."""

    @property
    def may_grow(self) -> bool:
        """Return whether tests may come after the running one, though there are none now."""


class InOrder:
    """Tests in an order that nothing changes."""

    def __init__(self, n_tests: int) -> None:
        self._tests = deque(range(n_tests))

    def __len__(self) -> int:
        return len(self._tests)

    def first(self) -> int:
        """Return the next test."""
        return self._tests[0]

    def take(self) -> int:
        """Take the next test."""
        return self._tests.popleft()

    def learn(self, place: int, *, has_failed: bool) -> None:
        """Keep the order."""

    @property
    def may_grow(self) -> bool:
        """Return that no tests come later."""
        return False


class RunQueue:
    """Tests in their order, with reruns inserted among them.

    A due rerun goes next, unless it would interrupt a block of tests that share a set-up. This
    holds even for its own block, which may contain smaller blocks. When only reruns are left and no
    tests may come, the earliest rerun is next, due or not.

    Args:
        n_tests: number of tests, in the order of execution.
        block_of: returns the name of the set-up that a test shares with others; empty for none.
        fresh: the tests in an order that outcomes change; None to keep the order.
    """

    def __init__(
        self, n_tests: int, block_of: Callable[[int], str], fresh: Fresh | None = None
    ) -> None:
        self._fresh = InOrder(n_tests) if fresh is None else fresh
        self._waiting: list[tuple[float, int]] = []
        self._block_of = block_of
        self._last: int | None = None
        self._is_held = False

    def hold(self, *, is_held: bool) -> None:
        """Hold the reruns until it is known whether they are worthwhile, or release them."""
        self._is_held = is_held

    @property
    def n_fresh(self) -> int:
        """Return the number of tests that have never been taken."""
        return len(self._fresh)

    @property
    def n_waiting(self) -> int:
        """Return the number of reruns that have not been taken."""
        return len(self._waiting)

    def put_back(self, index: int, due: float) -> None:
        """Put a test back for another run, not before `due`."""
        heappush(self._waiting, (due, index))

    def take(self, now: float) -> Step | None:
        """Take the next step; None if nothing is left, or only reruns that are held."""
        if len(self._fresh):
            if self._waiting and not self._is_held and self._is_due(now):
                return self._take_rerun()
            self._last = self._fresh.take()
            return Step(self._last)
        if not self._waiting or self._is_held:
            return None
        if self._fresh.may_grow and self._waiting[0][0] > now:
            return None
        return self._take_rerun()

    def learn(self, index: int, *, has_failed: bool) -> None:
        """Let the outcome of a test move the tests that have never been taken."""
        self._fresh.learn(index, has_failed=has_failed)

    def drop_reruns(self) -> None:
        """Forget the remaining reruns."""
        self._waiting.clear()

    def _is_due(self, now: float) -> bool:
        if self._waiting[0][0] > now:
            return False
        next_block = self._block_of(self._fresh.first())
        return not next_block or self._last is None or next_block != self._block_of(self._last)

    def _take_rerun(self) -> Step:
        due, self._last = heappop(self._waiting)
        return Step(self._last, due, is_rerun=True)
