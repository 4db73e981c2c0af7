"""Balance the work of two workers at the end: where to cut a unit, which tests to withdraw."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.plan.dispatch.worker_queue import HELD

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_nexus.plan.dispatch.assignments import Assignments
    from pytest_nexus.plan.dispatch.worker_queue import Piece, WorkerQueue


def best_cut(
    piece: Piece, seconds: Sequence[float], giver_s: float, taker_s: float
) -> tuple[int, float]:
    """Return where to cut a unit between two workers, and when the later worker is then done.

    The tail goes to the taker, who pays the set-up that both need. Minimises max(giver_s - tail,
    taker_s + joint + tail) over the joints that may be cut and were not sent. Returns position 0
    and `giver_s` if nothing is gained.

    Args:
        piece: the unit of the giver.
        seconds: expected seconds by collection index.
        giver_s: seconds until the giver has finished the whole unit.
        taker_s: seconds until the taker is free.
    """
    best, end = 0, giver_s
    unit, tail = piece.unit, 0.0
    for at in range(len(unit.indices) - 1, piece.sent - 1, -1):
        tail += seconds[unit.indices[at]]
        later = max(giver_s - tail, taker_s + unit.joints[at] + tail)
        if at and later < end:
            best, end = at, later
    return best, end


def best_withdrawal(
    lane: WorkerQueue, assignments: Assignments, taker_s: float
) -> tuple[int, float]:
    """Return from which queue position on to withdraw tests, and when both workers are then done.

    Works like `best_cut`, over the tests that the worker has not started; 0 if nothing is gained.
    Entries after that position that `stays` protects are not withdrawn.
    """
    prices = _prices(lane, assignments.piece_of)
    best, end, tail = 0, lane.ahead_s, 0.0
    for at in range(len(lane.queue) - 1, HELD - 1, -1):
        if assignments.stays(lane.queue[at]):
            continue
        tail += assignments.seconds[lane.queue[at]]
        later = max(lane.ahead_s - tail, taker_s + prices[at] + tail)
        if later < end:
            best, end = at, later
    return best, end


def _prices(lane: WorkerQueue, piece_of: Mapping[int, Piece]) -> list[float]:
    """Return, for each queue position, the set-up repeated by a cut there; infinite if no cut."""
    by_index = {
        index: price
        for piece in lane.pieces
        for index, price in zip(piece.unit.indices, piece.unit.joints, strict=True)
    }
    return [by_index[index] if index in piece_of else 0.0 for index in lane.queue]
