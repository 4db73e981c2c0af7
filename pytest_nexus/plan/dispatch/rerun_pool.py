"""Failed tests that are to run once more: decided, waiting for their time, or sent again."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

GRACE_S: Final = 1.0
"""How long a rerun that is due waits for a worker other than that of the attempt before: what a
neighbour left behind there is a common cause of failures."""


@dataclass(frozen=True, slots=True)
class Rerun:
    """One more attempt of a test."""

    index: int
    due_s: float
    """Not to be sent before, by the clock of the caller."""
    worker: str | None
    """Where the attempt before ran, which is to be avoided; None if it does not matter."""
    is_bound: bool = False
    """Whether it goes back to that worker instead, as the user keeps the test there."""


class RerunPool:
    """Reruns by their state; a test is in it once at most.

    Adding and taking cost O(log n) and O(number of workers).
    """

    def __init__(self) -> None:
        self.is_held = False
        """Whether nothing is taken out for now."""
        self.is_given_up = False
        """Whether nothing is taken in or out any more."""
        self.sent: dict[int, Rerun] = {}
        """In the queue of a worker and not finished, by test."""
        self._decided: dict[int, Rerun] = {}
        """By test: the attempt before is not finished yet."""
        self._waiting: set[int] = set()
        self._later: list[tuple[float, int, Rerun]] = []
        self._ready: dict[tuple[str | None, bool], deque[Rerun]] = {}
        """Due, by what decides where they may go."""
        self._serial = 0

    @property
    def n_left(self) -> int:
        """Reruns that are still to be sent; none while they are held."""
        return 0 if self.is_held else len(self._decided) + len(self._waiting)

    def decide(self, rerun: Rerun, *, is_running: bool) -> None:
        """Take in a rerun, to wait for the end of the attempt before if that is running.

        Of a test whose rerun has not begun nothing more is taken in.
        """
        if self.is_given_up:
            return
        if is_running:
            self._decided.setdefault(rerun.index, rerun)
        elif rerun.index not in self._waiting and rerun.index not in self.sent:
            self._wait(rerun)

    def end(self, index: int) -> bool:
        """An attempt has ended; return whether there is to be another one."""
        self.sent.pop(index, None)
        rerun = self._decided.pop(index, None)
        if rerun is not None:
            self._wait(rerun)
        return rerun is not None

    def put_back(self, index: int) -> None:
        """A rerun that was sent did not begin."""
        rerun = self.sent.pop(index)
        if not self.is_given_up:
            self._wait(rerun)

    def advance(self, now: float) -> None:
        """Make ready what is due."""
        while self._later and self._later[0][0] <= now:
            _, _, rerun = heappop(self._later)
            self._ready.setdefault((rerun.worker, rerun.is_bound), deque()).append(rerun)

    def take(self, suits: Callable[[Rerun], bool]) -> Rerun | None:
        """Take the rerun that has been ready longest of those that suit; None if none does.

        Whether one suits must depend on `worker`, `is_bound` and `due_s` alone, and an earlier
        one must suit wherever a later one of the same worker does.
        """
        if self.is_held or not self._ready:
            return None
        heads = [(reruns[0].due_s, reruns[0].index, key) for key, reruns in self._ready.items()]
        for _, _, key in sorted(heads, key=lambda head: head[:2]):
            if suits(self._ready[key][0]):
                return self._pop(key)
        return None

    def wake_at(self, now: float) -> float | None:
        """Return when something is to be done that no other event may announce; None if never."""
        if self.is_held or not (self._ready or self._later):
            return None
        times = [reruns[0].due_s + GRACE_S for reruns in self._ready.values()]
        if self._later:
            times.append(self._later[0][0])
        return min((at for at in times if at > now), default=None)

    def hurry(self) -> list[Rerun]:
        """Take all that wait, due or not, and take in nothing more."""
        left = [rerun for reruns in self._ready.values() for rerun in reruns]
        left += [rerun for _, _, rerun in sorted(self._later, key=lambda entry: entry[:2])]
        taken = [] if self.is_held else left
        self.give_up()
        return taken

    def give_up(self) -> None:
        """Forget all that is not sent, and take in nothing more."""
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
