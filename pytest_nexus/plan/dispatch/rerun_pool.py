"""Hold the failed tests that run once more: decided, waiting for their time, or sent again."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

GRACE_S: Final = 1.0
"""Seconds that a due rerun waits for a worker other than that of the previous attempt. The state
that a neighbouring test left on that worker is a common cause of failures."""


@dataclass(frozen=True, slots=True)
class Rerun:
    """One more attempt of a test."""

    index: int
    due_s: float
    """Earliest time to send it, by the clock of the caller."""
    worker: str | None
    """Worker of the previous attempt, to be avoided; None if any worker will do."""
    is_bound: bool = False
    """Whether the rerun must go back to that worker, because the user keeps the test there."""


class RerunPool:
    """Reruns by their state; a test is in the pool at most once.

    Adding costs O(log n); taking costs O(number of workers).
    """

    def __init__(self) -> None:
        self.is_held = False
        """Whether no rerun is given out for now."""
        self.is_given_up = False
        """Whether no rerun is accepted or given out any more."""
        self.sent: dict[int, Rerun] = {}
        """Reruns in a worker's queue that are not finished, by test."""
        self._decided: dict[int, Rerun] = {}
        """Reruns whose previous attempt is not finished yet, by test."""
        self._waiting: set[int] = set()
        self._later: list[tuple[float, int, Rerun]] = []
        self._ready: dict[tuple[str | None, bool], deque[Rerun]] = {}
        """Due reruns, by the properties that decide where they may go."""
        self._serial = 0

    @property
    def n_left(self) -> int:
        """Return the number of reruns still to be sent; 0 while they are held."""
        return 0 if self.is_held else len(self._decided) + len(self._waiting)

    @property
    def n_held(self) -> int:
        """Return the number of reruns that are held."""
        return len(self._decided) + len(self._waiting) if self.is_held else 0

    def holds(self, index: int) -> bool:
        """Return whether a test has another attempt before it, or runs once more."""
        return index in self._decided or index in self._waiting or index in self.sent

    def decide(self, rerun: Rerun, *, is_running: bool) -> None:
        """Accept a rerun; it waits for the end of the previous attempt if that is still running.

        A further rerun of a test whose rerun has not begun is ignored.
        """
        if self.is_given_up:
            return
        if is_running:
            self._decided.setdefault(rerun.index, rerun)
        elif rerun.index not in self._waiting and rerun.index not in self.sent:
            self._wait(rerun)

    def end(self, index: int) -> bool:
        """Record the end of an attempt; return whether another attempt follows."""
        self.sent.pop(index, None)
        rerun = self._decided.pop(index, None)
        if rerun is not None:
            self._wait(rerun)
        return rerun is not None

    def put_back(self, index: int) -> None:
        """Put back a rerun that was sent and did not begin."""
        rerun = self.sent.pop(index)
        if not self.is_given_up:
            self._wait(rerun)

    def advance(self, now: float) -> None:
        """Move the reruns that are due to the ready queues."""
        while self._later and self._later[0][0] <= now:
            _, _, rerun = heappop(self._later)
            self._ready.setdefault((rerun.worker, rerun.is_bound), deque()).append(rerun)

    def take(self, suits: Callable[[Rerun], bool]) -> Rerun | None:
        """Take the suitable rerun that has been ready longest; None if no rerun is suitable.

        The answer of `suits` must depend only on `worker`, `is_bound` and `due_s`. If it accepts a
        rerun of a worker, it must also accept earlier reruns of that worker.
        """
        if self.is_held or not self._ready:
            return None
        heads = [(reruns[0].due_s, reruns[0].index, key) for key, reruns in self._ready.items()]
        for _, _, key in sorted(heads, key=lambda head: head[:2]):
            if suits(self._ready[key][0]):
                return self._pop(key)
        return None

    def wake_at(self, now: float) -> float | None:
        """Return the next time to check the pool without an event; None if never."""
        if self.is_held or not (self._ready or self._later):
            return None
        times = [reruns[0].due_s + GRACE_S for reruns in self._ready.values()]
        if self._later:
            times.append(self._later[0][0])
        return min((at for at in times if at > now), default=None)

    def hurry(self) -> list[Rerun]:
        """Take all waiting reruns, due or not, and accept no more."""
        left = [rerun for reruns in self._ready.values() for rerun in reruns]
        left += [rerun for _, _, rerun in sorted(self._later, key=lambda entry: entry[:2])]
        taken = [] if self.is_held else left
        self.give_up()
        return taken

    def give_up(self) -> None:
        """Forget all reruns that are not sent, and accept no more."""
        self.is_given_up = True
        self._decided.clear()
        self._waiting.clear()
        self._later.clear()
        self._ready.clear()

    def _wait(self, rerun: Rerun) -> None:
        self._serial += 1
        self._waiting.add(rerun.index)
        heappush(self._later, (rerun.due_s, self._serial, rerun))

    def _pop(self, key: tuple[str | None, bool]) -> Rerun:
        reruns = self._ready[key]
        rerun = reruns.popleft()
        if not reruns:
            del self._ready[key]
        self._waiting.discard(rerun.index)
        self.sent[rerun.index] = rerun
        return rerun
