"""Which worker gets which test next: a state machine of events in and commands out.

    join, finish, withdrawn, lose, again, drain, stop -> [Send | Withdraw | Shutdown, ...]

It knows no xdist and no clock; the adapter is `pytest_nexus.run.scheduler`. What it relies on is
that a worker runs a test as soon as it knows the one after it, or that there is none.

- Jobs go out in the order of the plan, each to the worker that is free first. The longest goes
  first once its latest start has come: once giving the next of the plan instead would let the
  long jobs, or the longest, end later than the mean of all work per worker.
- A worker that only needs a test to stand behind a long one gets the shortest there is. If the
  others are sure to be done with all that is left before that, it is told to end after its queue.
- A worker keeps the unit it works on; the controller keeps the rest of that unit. When nothing
  else is left, the rest is cut where it pays, and then tests not taken up are asked back.
- A queue holds two tests, and as many more as make up `window_s`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.dispatch.commands import Settings, Withdraw
from pytest_nexus.plan.dispatch.lane import HELD, Lane
from pytest_nexus.plan.dispatch.ledger import Ledger
from pytest_nexus.plan.dispatch.serve import Server

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_nexus.plan.dispatch.commands import Command
    from pytest_nexus.plan.dispatch.units import Workload

_DEFAULTS: Final = Settings()

_PACE_STEP: Final = 1.05
"""One test moves the pace by 5 %: it follows the median, and no outlier moves it far."""


class Dispatch:
    """The state of one run. Every event names the worker; `now` is seconds on any one clock.

    Args:
        work: what is to be run.
        n_workers: how many are expected; more or fewer may come.
        settings: how far ahead workers are served.
    """

    def __init__(self, work: Workload, n_workers: int, settings: Settings = _DEFAULTS) -> None:
        self._ledger = Ledger(work, n_workers)
        self._server = Server(self._ledger, settings)
        self._is_stopped = False

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left but what the workers run once they are told to end."""
        lanes = self._ledger.lanes.values()
        waits = self._ledger.unsent or any(lane.is_asked for lane in lanes)
        if waits and not self._is_stopped:
            return False
        return not any(len(lane.queue) >= HELD for lane in lanes)

    @property
    def has_pending(self) -> bool:
        """Whether any test is not finished."""
        return bool(self.unsent or any(lane.queue for lane in self._ledger.lanes.values()))

    @property
    def unsent(self) -> int:
        """How many tests no worker was sent."""
        return self._ledger.unsent

    def join(self, workers: Iterable[str], now: float) -> list[Command]:
        """Workers are ready; those that come together are served together."""
        self._ledger.lanes.update((worker, Lane(worker, now)) for worker in workers)
        return self._serve_all(now)

    def finish(self, worker: str, index: int, duration_s: float, now: float) -> list[Command]:
        """A worker has finished a test.

        Raises:
            KeyError: there is no such worker.
            ValueError: the worker was not sent this test.
        """
        ledger, server = self._ledger, self._server
        lane = ledger.lanes[worker]
        is_slow = duration_s > ledger.seconds[index] * server.pace
        server.pace *= _PACE_STEP if is_slow else 1 / _PACE_STEP
        ledger.close_test(lane, index)
        lane.since = now
        lane.has_moved = True
        if self._is_stopped or (len(lane.queue) >= HELD and lane.queued_s > server.low_s):
            return []
        idle = [other for other in ledger.lanes.values() if not other.queue and other is not lane]
        return server.serve([lane, *idle], now)

    def withdrawn(self, worker: str, indices: Sequence[int], now: float) -> list[Command]:
        """A worker has answered `Withdraw` with what it gives back, which may be nothing."""
        lane = self._ledger.lanes.get(worker)
        if lane is None:
            return []
        lane.is_asked = False
        lane.has_moved = lane.has_moved or bool(indices)
        self._ledger.take_back(lane, indices)
        return self._serve_all(now)

    def lose(self, worker: str, now: float) -> tuple[int | None, list[Command]]:
        """A worker has gone; return the test it was in, and the commands.

        That test is the first of its queue, unless it was still waiting to be told what comes
        next. It is not run again; the others come back to the front.

        Raises:
            KeyError: there is no such worker.
        """
        was_told_to_end = self._is_stopped or self.is_finished
        lane = self._ledger.lanes.pop(worker)
        culprit = None
        if lane.queue and (len(lane.queue) >= HELD or lane.is_closed or was_told_to_end):
            culprit = lane.queue[0]
            self._ledger.close_test(lane, culprit)
        self._ledger.dissolve(lane)
        return culprit, self._serve_all(now)

    def again(self, index: int, now: float) -> list[Command]:
        """A finished or lost test is to be run once more, before what else is left."""
        self._ledger.reopen(index)
        return self._serve_all(now)

    def drain(self, now: float) -> list[Command]:
        """All workers are about to be told to end: deal out what is left to those that are up."""
        self._server.is_draining = True
        commands = self._serve_all(now)
        for lane in self._ledger.lanes.values():
            lane.is_closed = True
        return commands

    def stop(self) -> list[Command]:
        """The run ends early: nothing more is sent, and what was not taken up is asked back.

        A worker gives back all or nothing of one request, so its queue is asked for in halves:
        one that has got further than known keeps only what it has taken up, nearly.
        """
        self._is_stopped = True
        commands: list[Command] = []
        for lane in self._ledger.lanes.values():
            free = list(lane.queue)[HELD:]
            while free:
                half = len(free) // 2
                commands.append(Withdraw(lane.name, tuple(free[half:])))
                del free[half:]
        return commands

    def _serve_all(self, now: float) -> list[Command]:
        lanes = list(self._ledger.lanes.values())
        return [] if self._is_stopped else self._server.serve(lanes, now)
