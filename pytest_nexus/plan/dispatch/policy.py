"""Which worker gets which test next: a state machine of events in and commands out.

    join, finish, withdrawn, lose, again, woken, hold, release, abandon, drain, stop
        -> [Send | Withdraw | Shutdown, ...]

It knows no xdist and no clock; the adapter is `pytest_nexus.run.xdist.scheduler`. What it relies on
is that a worker runs a test as soon as it knows the one after it, or that there is none.

- Jobs go out in the order of the plan, each to the worker that is free first. The longest goes
  first once its latest start has come: once the long jobs, behind the next of the plan and what
  the workers are busy with, would end later than the mean of all work per worker.
- A worker that only needs a test to stand behind a long one gets the shortest there is. If the
  others are sure to be done with all that is left before that, it is told to end after its queue.
- A worker keeps the unit it works on; the controller keeps the rest of that unit. When nothing
  else is left, the rest is cut where it pays, and then tests not taken up are asked back.
- A queue holds two tests, and as many more as make up `window_s`.
- Where failed tests may be repeated, no worker is told to end before all is over. Its last test
  begins all the same, since a stand-in comes next: a number that stands for no test. From then
  on the worker gets nothing but reruns, unless another worker dies. So the workers of a run
  without failures get what they would get if nothing could be repeated.
- A rerun goes out when it is due, between two units, to the worker that is free first, and for
  the second after that not to the one where the test has failed.
"""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.dispatch.assign import Assigner
from pytest_nexus.plan.dispatch.assignments import Assignments
from pytest_nexus.plan.dispatch.commands import Settings, Withdraw
from pytest_nexus.plan.dispatch.rerun_pool import Rerun
from pytest_nexus.plan.dispatch.units import Unit
from pytest_nexus.plan.dispatch.worker_queue import HELD

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_nexus.plan.dispatch.commands import Command
    from pytest_nexus.plan.dispatch.units import Workload
    from pytest_nexus.plan.dispatch.worker_queue import WorkerQueue

_DEFAULTS: Final = Settings()

_PACE_STEP: Final = 1.05
"""One test moves the pace by 5 %: it follows the median, and no outlier moves it far."""


class Dispatch:
    """The state of one run. Every event names the worker; `now` is seconds on any one clock.

    Args:
        work: what is to be run.
        n_workers: how many are expected; more or fewer may come.
        settings: how far ahead workers are served.
        reruns: whether `again` may ask for finished tests once more.
    """

    def __init__(
        self,
        work: Workload,
        n_workers: int,
        settings: Settings = _DEFAULTS,
        *,
        reruns: bool = False,
    ) -> None:
        self._ledger = Assignments(work, n_workers, reruns=reruns)
        self._server = Assigner(self._ledger, settings)
        self._is_stopped = False
        self._now = 0.0
        self._work = work

    @property
    def stand_in(self) -> int | None:
        """The index that is no test: that after the last one; None where nothing is repeated."""
        return self._ledger.stand_in

    @property
    def accepts_reruns(self) -> bool:
        """Whether a test that `again` asks for is sure to run, unless that is given up later."""
        return self.stand_in is not None and not self._ledger.pool.is_given_up

    @property
    def wake_at(self) -> float | None:
        """When `woken` is to be called, if no other event comes before; None: not at all."""
        return self._ledger.pool.wake_at(self._now)

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left but what the workers run once they are told to end.

        Reruns that are held do not count: nothing is left that could release them.
        """
        if self._ledger.unsent and not self._is_stopped:
            return False
        lanes = self._ledger.lanes.values()
        if any(lane.is_asked for lane in lanes) and not self._is_stopped:
            return False
        if self.accepts_reruns and (self._ledger.pool.n_left or any(x.n_tests for x in lanes)):
            return False
        return not any(lane.knows_next for lane in lanes)

    @property
    def has_pending(self) -> bool:
        """Whether any test is not finished."""
        lanes = self._ledger.lanes.values()
        return bool(self.unsent or self._ledger.pool.n_left or any(lane.n_tests for lane in lanes))

    @property
    def unsent(self) -> int:
        """How many tests no worker was sent."""
        return self._ledger.unsent

    def join(self, workers: Iterable[str], now: float) -> list[Command]:
        """Workers are ready; those that come together are served together."""
        for worker in workers:
            self._ledger.open_lane(worker, now)
        return self._serve_all(now)

    def finish(self, worker: str, index: int, duration_s: float, now: float) -> list[Command]:
        """A worker has finished a test, or passed a stand-in.

        Raises:
            KeyError: there is no such worker.
            ValueError: the worker was not sent this test.
        """
        ledger, server = self._ledger, self._server
        lane = ledger.lanes[worker]
        if index != self.stand_in:
            is_slow = duration_s > ledger.seconds[index] * server.pace
            server.pace *= _PACE_STEP if is_slow else 1 / _PACE_STEP
        is_repeated = ledger.close_test(lane, index)
        lane.since = now
        lane.has_moved = True
        lane.is_full = lane.is_full and bool(lane.n_tests)
        if is_repeated:
            return self._serve_all(now)
        if lane.knows_next and lane.queued_s > server.low_s:
            return []
        idle = [one for one in ledger.lanes.values() if not one.n_tests and one is not lane]
        return self._serve([lane, *idle], now)

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
        is_in_test = lane.knows_next or lane.is_closed or was_told_to_end
        if lane.queue and lane.queue[0] != self.stand_in and is_in_test:
            culprit = lane.queue[0]
            self._ledger.close_test(lane, culprit)
        self._ledger.dissolve(lane)
        self._reopen_lanes()
        return culprit, self._serve_all(now)

    def again(
        self, index: int, now: float, due_s: float | None = None, avoid: str | None = None
    ) -> list[Command]:
        """A test that is finished or lost, or has just failed, is to be run once more.

        Asking again for a test that has not been repeated yet changes nothing, and so does asking
        where `accepts_reruns` is false; but a dispatch without reruns runs it before what else
        is left.

        Args:
            index: of the test.
            now: the time.
            due_s: when it may start at the earliest; at once by default.
            avoid: the worker that ran it, or runs it still.
        """
        if self.stand_in is None:
            self._ledger.reopen(index)
            return self._serve_all(now)
        lane = self._ledger.lanes.get(avoid or "")
        rerun = Rerun(index, now if due_s is None else due_s, avoid, index in self._bound)
        is_running = lane is not None and index in lane.queue
        self._ledger.pool.decide(rerun, is_running=is_running)
        return self._serve_all(now)

    def woken(self, now: float) -> list[Command]:
        """The time of `wake_at` has come."""
        return self._serve_all(now)

    def hold(self) -> list[Command]:
        """Send no reruns until `release`; those that are still held at the end are not run."""
        self._ledger.pool.is_held = True
        return []

    def release(self, now: float) -> list[Command]:
        """Send reruns again."""
        self._ledger.pool.is_held = False
        return self._serve_all(now)

    def abandon(self, now: float) -> list[Command]:
        """Forget the reruns that no worker was sent, and take in no more."""
        self._ledger.pool.give_up()
        return self._serve_all(now)

    def drain(self, now: float) -> list[Command]:
        """All workers are about to be told to end: deal out what is left to those that are up."""
        self._server.is_draining = True
        self._reopen_lanes()
        for rerun in self._ledger.pool.hurry():
            self._ledger.reopen(rerun.index)
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
        self._ledger.pool.give_up()
        commands: list[Command] = []
        for lane in self._ledger.lanes.values():
            free = [index for index in list(lane.queue)[HELD:] if index != self.stand_in]
            while free:
                half = len(free) // 2
                commands.append(Withdraw(lane.name, tuple(free[half:])))
                del free[half:]
        return commands

    @cached_property
    def _bound(self) -> frozenset[int]:
        """Tests that the user keeps on one worker with a neighbour; so do reruns of them."""
        return frozenset(
            index
            for job in self._work.jobs
            if isinstance(job, Unit)
            for pair, joint in zip(pairwise(job.indices), job.joints[1:], strict=True)
            if joint == inf
            for index in pair
        )

    def _reopen_lanes(self) -> None:
        """Let all workers share in what one left behind."""
        for lane in self._ledger.lanes.values():
            lane.is_full = lane.only_reruns = False

    def _serve_all(self, now: float) -> list[Command]:
        return self._serve(list(self._ledger.lanes.values()), now)

    def _serve(self, lanes: Iterable[WorkerQueue], now: float) -> list[Command]:
        self._now = now
        self._ledger.pool.advance(now)
        return [] if self._is_stopped else self._server.serve(lanes, now)
