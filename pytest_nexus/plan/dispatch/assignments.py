"""Track where each test of a run is: in the backlog, kept for a worker, sent, or done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.plan.dispatch.backlog import Backlog
from pytest_nexus.plan.dispatch.rerun_pool import RerunPool
from pytest_nexus.plan.dispatch.units import Unit
from pytest_nexus.plan.dispatch.worker_queue import Piece, WorkerQueue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.plan.dispatch.units import Job, Workload


class Assignments:
    """Records where each test is; every change keeps the sums of expected seconds correct.

    Args:
        work: the workload.
        n_workers: expected number of workers.
        reruns: whether placeholder items are sent after a worker's last test, so that the worker
            stays available for reruns.
    """

    def __init__(self, work: Workload, n_workers: int, *, reruns: bool = False) -> None:
        self.seconds = list(work.seconds)
        """Expected seconds by collection index; grows when a cut makes a set-up necessary again."""
        self.placeholder = len(work.seconds) if reruns else None
        """Index of the placeholder that can follow a worker's last test; None without reruns."""
        if reruns:
            self.seconds.append(0.0)
        self.pool = RerunPool()
        self.backlog = Backlog(work.jobs, self.seconds, n_workers, work.ranks)
        self.lanes: dict[str, WorkerQueue] = {}
        self.piece_of: dict[int, Piece] = {}
        """The unit of each test that was sent as part of a unit and is not finished."""
        self.unsent = 0
        """Number of tests that were not sent to any worker."""
        self.unsent_s = 0.0
        for job in work.jobs:
            indices = job.indices if isinstance(job, Unit) else (job,)
            self._count_unsent(indices)

    def open_lane(self, worker: str, now: float) -> None:
        """Open the queue of a worker that is ready."""
        self.lanes[worker] = WorkerQueue(worker, now, self.placeholder)

    def weight(self, job: Job) -> float:
        """Return the expected seconds of a job."""
        return job.seconds if isinstance(job, Unit) else self.seconds[job]

    def stays(self, index: int) -> bool:
        """Return whether an index in a queue is never withdrawn for another worker."""
        return index == self.placeholder or index in self.pool.sent

    def send_again(self, lane: WorkerQueue, index: int) -> None:
        """Queue a rerun, which is only on the list of reruns."""
        self._count_unsent([index])
        self._queue(lane, index)

    def take(self, lane: WorkerQueue, job: Job) -> None:
        """Queue a job of the backlog; from a unit, queue the first test and keep the rest."""
        if isinstance(job, Unit):
            piece = Piece(job)
            lane.pieces.append(piece)
            self.give(lane, piece)
        else:
            self._queue(lane, job)

    def give(self, lane: WorkerQueue, piece: Piece) -> None:
        """Queue the next test of the unit that a worker works on."""
        index = piece.unit.indices[piece.sent]
        piece.sent += 1
        self.piece_of[index] = piece
        self._queue(lane, index)

    def cut(self, giver: WorkerQueue, at: int) -> Unit:
        """Take the tail of a worker's open unit; its set-up becomes necessary again."""
        piece = giver.pieces[-1]
        unit = piece.unit
        self.seconds[unit.indices[at]] += unit.joints[at]
        self.unsent_s += unit.joints[at]
        piece.unit = unit.head(at, self.seconds)
        if piece.is_done:
            giver.pieces.remove(piece)
        return unit.tail(at, self.seconds)

    def close_test(self, lane: WorkerQueue, index: int) -> bool:
        """Close a finished test, or one lost with its worker; return whether it runs again."""
        lane.drop(index, self.seconds[index])
        piece = self.piece_of.pop(index, None)
        if piece is not None:
            piece.done += 1
            if piece.is_done:
                lane.pieces.remove(piece)
        return self.pool.end(index)

    def take_back(self, lane: WorkerQueue, indices: Sequence[int]) -> None:
        """Return the withdrawn end of a queue to its unit, to the reruns, or to the backlog."""
        back: list[Job] = []
        for index in reversed(indices):
            lane.drop(index, self.seconds[index])
            if index in self.pool.sent:
                self.pool.put_back(index)
            else:
                self._count_unsent([index])
                back += self._unsend(lane, index)
        self.backlog.give_back(reversed(back), self.seconds)

    def dissolve(self, lane: WorkerQueue) -> None:
        """Return all tests of a lost worker to the front of the backlog, or to the reruns."""
        self._clear_reruns(lane)
        left = list(lane.unfinished(self.piece_of, self.seconds))
        self._count_unsent(lane.queue)
        for index in lane.queue:
            self.piece_of.pop(index, None)
        self.backlog.give_back(left, self.seconds)

    def reopen(self, index: int) -> None:
        """Reopen a finished or lost test, which runs once more."""
        self._count_unsent([index])
        self.backlog.give_back([index], self.seconds)

    def add(self, jobs: Sequence[Job]) -> None:
        """Add jobs that the workload did not have."""
        for job in jobs:
            self._count_unsent(job.indices if isinstance(job, Unit) else (job,))
        self.backlog.append(jobs, self.seconds)

    def _clear_reruns(self, lane: WorkerQueue) -> None:
        """Remove the reruns and placeholders from the queue of a lost worker."""
        fresh = [index for index in lane.queue if not self.stays(index)]
        for index in lane.queue:
            if index in self.pool.sent:
                self.pool.put_back(index)
        lane.queue.clear()
        lane.queue.extend(fresh)

    def _queue(self, lane: WorkerQueue, index: int) -> None:
        seconds = self.seconds[index]
        lane.add(index, seconds)
        self.unsent -= 1
        self.unsent_s = self.unsent_s - seconds if self.unsent else 0.0

    def _count_unsent(self, indices: Sequence[int]) -> None:
        self.unsent += len(indices)
        self.unsent_s += sum(self.seconds[index] for index in indices)

    def _unsend(self, lane: WorkerQueue, index: int) -> list[Job]:
        piece = self.piece_of.pop(index, None)
        if piece is None:
            return [index]
        piece.sent -= 1
        if piece.sent:
            return []
        lane.pieces.remove(piece)
        return [piece.unit]
