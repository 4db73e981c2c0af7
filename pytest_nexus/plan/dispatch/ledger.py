"""Where each test of a run is: in the backlog, kept for a worker, sent, or done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.plan.dispatch.backlog import Backlog
from pytest_nexus.plan.dispatch.lane import Lane, Piece
from pytest_nexus.plan.dispatch.units import Unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.plan.dispatch.units import Job, Workload


class Ledger:
    """The books: every change moves tests from one place to another and keeps the sums right."""

    def __init__(self, work: Workload, n_workers: int) -> None:
        self.seconds = list(work.seconds)
        """Expected by collection index; grows where a cut makes a set-up due again."""
        self.backlog = Backlog(work.jobs, self.seconds, n_workers)
        self.lanes: dict[str, Lane] = {}
        self.piece_of: dict[int, Piece] = {}
        """The unit of each test that was sent as part of one and is not finished."""
        self.unsent = 0
        """Tests that no worker was sent."""
        self.unsent_s = 0.0
        for job in work.jobs:
            indices = job.indices if isinstance(job, Unit) else (job,)
            self._count_unsent(indices)

    def take(self, lane: Lane, job: Job) -> None:
        """Queue a job of the backlog; of a unit the first test, the rest is kept."""
        if isinstance(job, Unit):
            piece = Piece(job)
            lane.pieces.append(piece)
            self.give(lane, piece)
        else:
            self._queue(lane, job)

    def give(self, lane: Lane, piece: Piece) -> None:
        """Queue the next test of the unit that a worker works on."""
        index = piece.unit.indices[piece.sent]
        piece.sent += 1
        self.piece_of[index] = piece
        self._queue(lane, index)

    def cut(self, giver: Lane, at: int) -> Unit:
        """Take the tail of its open unit from a worker, with the set-up due again."""
        piece = giver.pieces[-1]
        unit = piece.unit
        self.seconds[unit.indices[at]] += unit.joints[at]
        self.unsent_s += unit.joints[at]
        piece.unit = unit.head(at, self.seconds)
        if piece.is_done:
            giver.pieces.remove(piece)
        return unit.tail(at, self.seconds)

    def close_test(self, lane: Lane, index: int) -> None:
        """A test is finished, or lost with its worker."""
        lane.drop(index, self.seconds[index])
        piece = self.piece_of.pop(index, None)
        if piece is not None:
            piece.done += 1
            if piece.is_done:
                lane.pieces.remove(piece)

    def take_back(self, lane: Lane, indices: Sequence[int]) -> None:
        """The end of a queue is given back: to the unit it is part of, or to the backlog."""
        back: list[Job] = []
        for index in reversed(indices):
            lane.drop(index, self.seconds[index])
            back += self._unsend(lane, index)
        self._count_unsent(indices)
        self.backlog.give_back(reversed(back), self.seconds)

    def dissolve(self, lane: Lane) -> None:
        """A worker is gone: all that it had or was to have goes to the front of the backlog."""
        left = list(lane.unfinished(self.piece_of, self.seconds))
        self._count_unsent(lane.queue)
        for index in lane.queue:
            self.piece_of.pop(index, None)
        self.backlog.give_back(left, self.seconds)

    def reopen(self, index: int) -> None:
        """A test that was finished or lost is to run once more."""
        self._count_unsent([index])
        self.backlog.give_back([index], self.seconds)

    def _queue(self, lane: Lane, index: int) -> None:
        seconds = self.seconds[index]
        lane.add(index, seconds)
        self.unsent -= 1
        self.unsent_s = self.unsent_s - seconds if self.unsent else 0.0

    def _count_unsent(self, indices: Sequence[int]) -> None:
        self.unsent += len(indices)
        self.unsent_s += sum(self.seconds[index] for index in indices)

    def _unsend(self, lane: Lane, index: int) -> list[Job]:
        piece = self.piece_of.pop(index, None)
        if piece is None:
            return [index]
        piece.sent -= 1
        if piece.sent:
            return []
        lane.pieces.remove(piece)
        return [piece.unit]
