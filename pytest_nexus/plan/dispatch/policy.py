"""Decide which worker gets which test next: a state machine from events to commands.

    join, add, finish, withdrawn, lose, again, woken, hold, release, abandon, drain, stop
        -> [Send | Withdraw | Shutdown, ...]

This module knows neither xdist nor a clock; the adapter is `pytest_nexus.run.xdist.scheduler`. It
assumes that a worker runs a test as soon as it knows the next test, or that there is none.

- Jobs go out in the order of the plan, each to the worker that is free first. The longest job goes
  first once its latest start has come. That is when the long jobs, started after the plan's next
  job and after the workers' current work, would end later than the mean work per worker.
- A worker that only needs a test to follow a long one gets the shortest job. If the other workers
  certainly finish all remaining jobs before that long test ends, a `Shutdown` ends the worker after
  its queue instead.
- A worker keeps its current unit; the controller keeps the unsent rest of that unit. When nothing
  else is left, the rest is cut if that saves time. After that, tests that have not started are
  withdrawn from other workers.
- A queue holds two tests, plus as many as make up `window_s`.
- If failed tests may be repeated, no worker gets a `Shutdown` before the whole run is over. The
  last test of a worker still starts, because a placeholder follows: an index that stands for no
  test. From then on the worker gets only reruns, unless another worker dies. So a run without
  failures assigns the same tests as a run without reruns.
- A rerun goes out when it is due, between two units, to the worker that is free first. For one
  second after its due time it does not go to the worker where the test failed.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.dispatch.assign import Assigner
from pytest_nexus.plan.dispatch.assignments import Assignments
from pytest_nexus.plan.dispatch.commands import Settings, Withdraw
from pytest_nexus.plan.dispatch.rerun_pool import Rerun
from pytest_nexus.plan.dispatch.units import Unit, members_of
from pytest_nexus.plan.dispatch.worker_queue import HELD

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_nexus.plan.dispatch.commands import Command
    from pytest_nexus.plan.dispatch.units import Job, Workload
    from pytest_nexus.plan.dispatch.worker_queue import WorkerQueue

_DEFAULTS: Final = Settings()

_REFILL_S: Final = 0.25
"""Unsent seconds for each worker at which more work is wanted: the time of some claims."""

_PACE_STEP: Final = 1.05
"""Factor for one test: the pace moves by 5 %, follows the median, and ignores outliers."""


class Dispatch:
    """The state of one run. Every event names the worker; `now` is seconds on any one clock.

    Args:
        work: the workload.
        n_workers: expected number of workers; more or fewer may come.
        settings: how far ahead workers get tests.
        reruns: whether `again` may ask for finished tests once more.
        is_fed: whether the jobs come later, by `add`; no outcome moves them then.
    """

    def __init__(
        self,
        work: Workload,
        n_workers: int,
        settings: Settings = _DEFAULTS,
        *,
        reruns: bool = False,
        is_fed: bool = False,
    ) -> None:
        work = replace(work, moves=None) if is_fed else work
        now = replace(work, jobs=()) if is_fed else work
        self._assignments = Assignments(now, n_workers, reruns=reruns)
        self._assigner = Assigner(self._assignments, settings)
        self._is_stopped = False
        self._now = 0.0
        self._work = work
        self._awaits_rest = bool(work.rest) and reruns
        self._refill_s = 0.0

    @property
    def placeholder(self) -> int | None:
        """Return the index of the placeholder, after the last test; None without reruns."""
        return self._assignments.placeholder

    @property
    def rest(self) -> list[int]:
        """Return the collection indices of the rest of the workload."""
        return members_of(self._work.rest)

    @property
    def holds_reruns(self) -> bool:
        """Return whether failed tests wait until it is known whether reruns are worthwhile."""
        return self._assignments.pool.n_held > 0

    @property
    def may_run_rest(self) -> bool:
        """Return whether the workload has a rest, all other tests have ended, and workers wait.

        Without placeholders no worker waits: a `Shutdown` ends each worker when its tests are done.
        """
        return self._awaits_rest and not self._is_stopped and self.is_finished

    @property
    def accepts_reruns(self) -> bool:
        """Return whether a test given to `again` will run, unless reruns are abandoned later."""
        return self.placeholder is not None and not self._assignments.pool.is_given_up

    @property
    def wake_at(self) -> float | None:
        """Return when to call `woken` if no other event comes before; None: never."""
        return self._assignments.pool.wake_at(self._now)

    @property
    def is_finished(self) -> bool:
        """Return whether the only tests left are those that run when their workers end.

        Held reruns do not count, because no remaining event could release them.
        """
        if self._assignments.unsent and not self._is_stopped:
            return False
        lanes = self._assignments.lanes.values()
        if any(lane.is_asked for lane in lanes) and not self._is_stopped:
            return False
        is_busy = any(lane.n_tests for lane in lanes)
        if self.accepts_reruns and (self._assignments.pool.n_left or is_busy):
            return False
        if self._awaits_rest and is_busy and not self._is_stopped:
            return False
        return not any(lane.knows_next for lane in lanes)

    @property
    def has_pending(self) -> bool:
        """Return whether any test is not finished."""
        lanes = self._assignments.lanes.values()
        return bool(
            self.unsent or self._assignments.pool.n_left or any(lane.n_tests for lane in lanes)
        )

    @property
    def unsent(self) -> int:
        """Return the number of tests that were not sent to any worker."""
        return self._assignments.unsent

    def join(self, workers: Iterable[str], now: float) -> list[Command]:
        """Add workers that are ready; workers that come together are served together."""
        for worker in workers:
            self._assignments.open_lane(worker, now)
        return self._serve_all(now)

    def finish(self, worker: str, index: int, duration_s: float, now: float) -> list[Command]:
        """Record that a worker has finished a test, or passed a placeholder.

        Raises:
            KeyError: there is no such worker.
            ValueError: the worker was not sent this test.
        """
        assignments, server = self._assignments, self._assigner
        lane = assignments.lanes[worker]
        if index != self.placeholder:
            is_slow = duration_s > assignments.seconds[index] * server.pace
            server.pace *= _PACE_STEP if is_slow else 1 / _PACE_STEP
        is_repeated = assignments.close_test(lane, index)
        lane.since = now
        lane.has_moved = True
        lane.is_full = lane.is_full and bool(lane.n_tests)
        if is_repeated:
            return self._serve_all(now)
        if lane.knows_next and lane.queued_s > server.low_s:
            return []
        idle = [one for one in assignments.lanes.values() if not one.n_tests and one is not lane]
        return self._serve([lane, *idle], now)

    def add(self, jobs: Sequence[Job], now: float) -> list[Command]:
        """Add jobs to a dispatch that is fed; all workers share them."""
        self._assignments.add(jobs)
        added_s = sum(self._assignments.weight(job) for job in jobs)
        self._refill_s = min(_REFILL_S * len(self._assignments.lanes), added_s / 2)
        self._reopen_lanes()
        return self._serve_all(now)

    @property
    def wants_more(self) -> bool:
        """Return whether so little is left unsent that `add` should follow."""
        return self._assignments.unsent_s <= self._refill_s

    def runs_again(self, index: int) -> bool:
        """Return whether a test that has ended is going to run once more."""
        return self._assignments.pool.holds(index)

    def learn(self, index: int, *, has_failed: bool) -> None:
        """Let the outcome of a test change the order of the jobs that no worker has had.

        Commands that were returned before stay valid; the next ones follow the new order.
        """
        moves, backlog = self._work.moves, self._assignments.backlog
        if moves is None:
            return
        moved = moves.after(index, has_failed=has_failed)
        for place in sorted({self._place_of[one] for one in moved if one in self._place_of}):
            if backlog.waits(place):
                job = self._work.jobs[place]
                indices = job.indices if isinstance(job, Unit) else (job,)
                backlog.move(place, moves.rank(indices, self._assignments.seconds))

    def withdrawn(self, worker: str, indices: Sequence[int], now: float) -> list[Command]:
        """Record a worker's answer to `Withdraw`: the tests that it gives back, possibly none."""
        lane = self._assignments.lanes.get(worker)
        if lane is None:
            return []
        lane.is_asked = False
        lane.has_moved = lane.has_moved or bool(indices)
        self._assignments.take_back(lane, indices)
        return self._serve_all(now)

    def lose(self, worker: str, now: float) -> tuple[int | None, list[Command]]:
        """Remove a lost worker; return the test that it was running, and the commands.

        The running test is the first of the queue, unless that test was still waiting for its
        successor. It is not run again; the other tests return to the front.

        Raises:
            KeyError: there is no such worker.
        """
        was_told_to_end = self._is_stopped or self.is_finished
        lane = self._assignments.lanes.pop(worker)
        culprit = None
        is_in_test = lane.knows_next or lane.is_closed or was_told_to_end
        if lane.queue and lane.queue[0] != self.placeholder and is_in_test:
            culprit = lane.queue[0]
            self._assignments.close_test(lane, culprit)
        self._assignments.dissolve(lane)
        self._reopen_lanes()
        return culprit, self._serve_all(now)

    def again(
        self, index: int, now: float, due_s: float | None = None, avoid: str | None = None
    ) -> list[Command]:
        """Ask for one more run of a test that is finished or lost, or has just failed.

        Asking again for a test whose rerun has not run yet changes nothing. Asking while
        `accepts_reruns` is false changes nothing either, except in a dispatch without reruns, which
        runs the test before its other remaining tests.

        Args:
            index: of the test.
            now: the current time.
            due_s: earliest start; at once by default.
            avoid: the worker that ran the test, or still runs it.
        """
        if self.placeholder is None:
            self._assignments.reopen(index)
            return self._serve_all(now)
        lane = self._assignments.lanes.get(avoid or "")
        rerun = Rerun(index, now if due_s is None else due_s, avoid, index in self._bound)
        is_running = lane is not None and index in lane.queue
        self._assignments.pool.decide(rerun, is_running=is_running)
        return self._serve_all(now)

    def run_rest(self, now: float) -> list[Command]:
        """Run the rest of the workload too; called while `may_run_rest` is true."""
        self._awaits_rest = False
        self._assignments.add(self._work.rest)
        self._reopen_lanes()
        return self._serve_all(now)

    def drop_rest(self) -> None:
        """Never run the rest of the workload."""
        self._awaits_rest = False

    def woken(self, now: float) -> list[Command]:
        """Send due reruns, because the time of `wake_at` has come."""
        return self._serve_all(now)

    def hold(self) -> list[Command]:
        """Send no reruns until `release`; reruns still held at the end are not run."""
        self._assignments.pool.is_held = True
        return []

    def release(self, now: float) -> list[Command]:
        """Send reruns again."""
        self._assignments.pool.is_held = False
        return self._serve_all(now)

    def abandon(self, now: float) -> list[Command]:
        """Forget the reruns that were not sent to a worker, and accept no more."""
        self._assignments.pool.give_up()
        return self._serve_all(now)

    def drain(self, now: float) -> list[Command]:
        """Send all remaining tests to the workers that are up, before a `Shutdown` goes to each."""
        self._assigner.is_draining = True
        self._reopen_lanes()
        for rerun in self._assignments.pool.hurry():
            self._assignments.reopen(rerun.index)
        commands = self._serve_all(now)
        for lane in self._assignments.lanes.values():
            lane.is_closed = True
        return commands

    def stop(self) -> list[Command]:
        """End the run early: send nothing more, and withdraw tests that have not started.

        xdist grants a withdrawal only if the worker still holds every requested test. So the queue
        is requested in successive halves: if a worker has meanwhile started some tests, only the
        halves that contain these tests are refused.
        """
        self._is_stopped = True
        self._assignments.pool.give_up()
        commands: list[Command] = []
        for lane in self._assignments.lanes.values():
            free = [index for index in list(lane.queue)[HELD:] if index != self.placeholder]
            while free:
                half = len(free) // 2
                commands.append(Withdraw(lane.name, tuple(free[half:])))
                del free[half:]
        return commands

    @cached_property
    def _place_of(self) -> dict[int, int]:
        """Return the place of each test's job in the plan, by collection index."""
        return {
            index: place
            for place, job in enumerate(self._work.jobs)
            for index in (job.indices if isinstance(job, Unit) else (job,))
        }

    @cached_property
    def _bound(self) -> frozenset[int]:
        """Return the tests that the user keeps on one worker with a neighbour, also in reruns."""
        return frozenset(
            index
            for job in self._work.jobs
            if isinstance(job, Unit)
            for pair, joint in zip(pairwise(job.indices), job.joints[1:], strict=True)
            if joint == inf
            for index in pair
        )

    def _reopen_lanes(self) -> None:
        """Let all workers share the tests that a lost worker left."""
        for lane in self._assignments.lanes.values():
            lane.is_full = lane.only_reruns = False

    def _serve_all(self, now: float) -> list[Command]:
        return self._serve(list(self._assignments.lanes.values()), now)

    def _serve(self, lanes: Iterable[WorkerQueue], now: float) -> list[Command]:
        self._now = now
        self._assignments.pool.advance(now)
        return [] if self._is_stopped else self._assigner.serve(lanes, now)
