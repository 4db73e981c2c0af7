"""Assign the next test to a worker: list scheduling with look-ahead, cuts and withdrawals."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import inf
from typing import TYPE_CHECKING

from pytest_nexus.plan.dispatch.commands import Send, Shutdown, Withdraw
from pytest_nexus.plan.dispatch.rebalance import best_cut, best_withdrawal
from pytest_nexus.plan.dispatch.rerun_pool import GRACE_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_nexus.plan.dispatch.assignments import Assignments
    from pytest_nexus.plan.dispatch.commands import Command, Settings
    from pytest_nexus.plan.dispatch.rerun_pool import Rerun
    from pytest_nexus.plan.dispatch.worker_queue import WorkerQueue


class Assigner:
    """Gives tests from the Assignments to the workers that need some."""

    def __init__(self, assignments: Assignments, settings: Settings) -> None:
        self._assignments = assignments
        self._settings = settings
        self._commands: list[Command] = []
        self._high_s = settings.window_s
        self._now = 0.0
        self._open: Sequence[WorkerQueue] = ()
        self._horizon_s = 0.0
        """Earliest time at which all would be done, if the open workers shared the rest evenly."""
        self._others_s = inf
        """Earliest free time of the workers that take fresh tests and are no longer served."""
        self._resting_s = inf
        """Earliest free time of the workers that take only reruns."""
        self.low_s = settings.window_s
        """Expected seconds of queued work below which a worker is served."""
        self.pace = 1.0
        """Measured time of the typical test divided by its expected time."""
        self.is_draining = False
        """Whether all remaining tests are sent out at once."""

    def serve(self, lanes: Iterable[WorkerQueue], now: float) -> list[Command]:
        """Give tests to the workers that need some, one at a time, by the time they are free."""
        needy = [lane for lane in lanes if lane.takes_more]
        if not needy:
            return []
        served = list(needy)
        self._survey(served, now)
        while served:
            lane = served[0] if len(served) == 1 else min(served, key=_ahead)
            if not self._feed(lane):
                served.remove(lane)
                if lane.takes_fresh:
                    self._others_s = min(self._others_s, lane.ahead_s)
        return self._collect(needy, now)

    def _survey(self, served: Sequence[WorkerQueue], now: float) -> None:
        """Examine all worker queues; the results hold while work only moves into queues."""
        assignments = self._assignments
        self._now = now
        for lane in assignments.lanes.values():
            lane.look(assignments.seconds, now)
        lanes = [lane for lane in assignments.lanes.values() if lane.is_open]
        n_open = max(len(lanes), 1)
        window = min(self._settings.window_s / self.pace, assignments.unsent_s / (2 * n_open))
        self._high_s = max(window, self._settings.least_window_s / self.pace)
        self.low_s = self._high_s / 2
        self._open = lanes
        self._horizon_s = (sum(map(_ahead, lanes)) + assignments.unsent_s) / n_open
        others = [lane for lane in lanes if lane not in served and lane.takes_more]
        self._others_s = min(map(_ahead, others), default=inf)
        resting = [
            lane for lane in assignments.lanes.values() if lane.only_reruns and lane.takes_more
        ]
        self._resting_s = min(map(_ahead, resting), default=inf)

    def _collect(self, needy: Sequence[WorkerQueue], now: float) -> list[Command]:
        for lane in needy:
            is_empty = lane.is_starving or (lane.ahead_s < self.low_s and lane.takes_more)
            if is_empty and not self._gets_more(lane) and lane.is_stuck:
                self._end(lane)
        lanes = self._assignments.lanes.values()
        sends: list[Command] = [Send(lane.name, lane.send(now)) for lane in lanes if lane.outgoing]
        commands, self._commands = sends + self._commands, []
        return commands

    def _gets_more(self, lane: WorkerQueue) -> bool:
        """Ask another worker for tests; return whether an answer is going to come."""
        return not lane.only_reruns and self._withdraw_for(lane)

    def _feed(self, lane: WorkerQueue) -> bool:
        """Give one test to a worker if it needs one and a suitable test exists."""
        wanted = self._high_s if lane.outgoing else self.low_s
        wanted = inf if self.is_draining else wanted
        if not lane.takes_more or (lane.knows_next and lane.ahead_s >= wanted):
            return False
        piece = lane.open_piece
        if piece is not None:
            self._assignments.give(lane, piece)
            return True
        if self._feed_rerun(lane):
            return True
        if lane.only_reruns:
            return False
        if len(self._assignments.backlog):
            return self._feed_from_backlog(lane)
        return self._cut_for(lane)

    def _feed_from_backlog(self, lane: WorkerQueue) -> bool:
        backlog = self._assignments.backlog
        if lane.ahead_s > self._others_s + self._high_s:
            return lane.is_starving and self._feed_filler(lane)
        is_due = self._is_long_due(lane)
        self._assignments.take(lane, backlog.pop_longest() if is_due else backlog.pop_first())
        return True

    def _is_long_due(self, lane: WorkerQueue) -> bool:
        """Return whether the long jobs would end too late if the plan's next job went first."""
        backlog = self._assignments.backlog
        n_open, first_s = len(self._open), backlog.first_weight()
        if n_open < 2 or not backlog.long_s:
            return False  # a single worker ends at the same time in any order
        if (
            self._assignments.unsent_s - backlog.long_s
            >= first_s + n_open * backlog.longest_weight()
        ):
            return False  # LPT ends by the mean and the longest job, however the queues stand
        free_at_s = [one.ahead_s + first_s * (one is lane) for one in self._open]
        return backlog.long_end(free_at_s) > self._horizon_s

    def _feed_rerun(self, lane: WorkerQueue) -> bool:
        """Give a due rerun, only between two units: inside one, shared set-up would be repeated."""
        rerun = self._assignments.pool.take(partial(self._suits, lane))
        if rerun is None:
            return False
        self._assignments.send_again(lane, rerun.index)
        return True

    def _suits(self, lane: WorkerQueue, rerun: Rerun) -> bool:
        """Return whether a rerun may go to a worker: the first free one, but not the same again."""
        home = self._assignments.lanes.get(rerun.worker or "")
        if home is not None and not home.is_closed and rerun.is_bound:
            return lane is home
        if lane.ahead_s > min(self._others_s, self._resting_s) + self._high_s:
            return False
        if lane is not home or self._now > rerun.due_s + GRACE_S:
            return True
        others = [other for other in self._assignments.lanes.values() if not other.is_closed]
        others.remove(lane)
        return all(other.ahead_s > GRACE_S for other in others)

    def _feed_filler(self, lane: WorkerQueue) -> bool:
        """Give the shortest job, because another worker can start the plan's next job sooner."""
        shortest = self._assignments.backlog.shortest_weight()
        if lane.n_tests and shortest > self._high_s and self._is_done_without(lane, shortest):
            self._end(lane)
            lane.is_full = True
            return False
        self._assignments.take(lane, self._assignments.backlog.pop_shortest())
        return True

    def _is_done_without(self, lane: WorkerQueue, more_s: float) -> bool:
        """Return whether the others finish the rest before this worker finishes one more job.

        Uses the bound of list scheduling on the n - 1 other workers (R. L. Graham, Bounds on
        multiprocessing timing anomalies, 1969): mean load + (1 - 1 / (n - 1)) * longest job.
        """
        others = [other for other in self._assignments.lanes.values() if other.takes_fresh]
        others.remove(lane)
        if not others:
            return False
        mean = (sum(map(_ahead, others)) + self._assignments.unsent_s) / len(others)
        longest = self._assignments.backlog.longest_weight()
        return mean + (1 - 1 / len(others)) * longest <= lane.ahead_s + more_s

    def _cut_for(self, lane: WorkerQueue) -> bool:
        """Give a worker the tail of another worker's unit, if both are then done sooner."""
        best: _Offer | None = None
        for giver in self._assignments.lanes.values():
            piece = giver.open_piece
            if piece is not None and giver is not lane:
                kept = piece.unit.indices[piece.sent :]
                giver_s = giver.ahead_s + sum(self._assignments.seconds[index] for index in kept)
                at, end = best_cut(piece, self._assignments.seconds, giver_s, lane.ahead_s)
                offer = _Offer(giver_s - end, at, giver)
                best = offer if self._is_better(offer, best) else best
        if best is None:
            return False
        self._assignments.take(lane, self._assignments.cut(best.giver, best.at))
        return True

    def _withdraw_for(self, lane: WorkerQueue) -> bool:
        """Ask the worker with the most to spare for tests; return whether an answer will come."""
        lanes = self._assignments.lanes.values()
        if any(other.is_asked for other in lanes):
            return True
        best: _Offer | None = None
        for giver in lanes:
            if giver is not lane and giver.can_spare:
                at, end = best_withdrawal(giver, self._assignments, lane.ahead_s)
                offer = _Offer(giver.ahead_s - end, at, giver)
                best = offer if self._is_better(offer, best) else best
        if best is None:
            return False
        best.giver.is_asked = True
        best.giver.has_moved = False
        tail = tuple(best.giver.queue)[best.at :]
        wanted = tuple(index for index in tail if not self._assignments.stays(index))
        self._commands.append(Withdraw(best.giver.name, wanted))
        return True

    def _is_better(self, offer: _Offer, best: _Offer | None) -> bool:
        pays = offer.at > 0 and offer.gain_s >= self._settings.least_gain_s
        return pays and (best is None or offer.gain_s > best.gain_s)

    def _end(self, lane: WorkerQueue) -> None:
        """Let a worker's last test run. The worker then ends, unless reruns may come."""
        if self._assignments.placeholder is not None:
            lane.anchor()
        else:
            lane.is_closed = True
            self._commands.append(Shutdown(lane.name))


@dataclass(frozen=True, slots=True)
class _Offer:
    """The tests that one worker could spare for another."""

    gain_s: float
    at: int
    giver: WorkerQueue


def _ahead(lane: WorkerQueue) -> float:
    return lane.ahead_s
