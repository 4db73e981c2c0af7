from __future__ import annotations

from math import inf

import pytest

from pytest_nexus.plan.dispatch.assignments import Assignments
from pytest_nexus.plan.dispatch.rebalance import best_cut, best_withdrawal
from pytest_nexus.plan.dispatch.rerun_pool import Rerun
from pytest_nexus.plan.dispatch.units import Unit, Workload
from pytest_nexus.plan.dispatch.worker_queue import Piece, WorkerQueue

SECONDS = [1.0] * 8


def unit(joint: float) -> Unit:
    return Unit(tuple(range(8)), (0.0, *[joint] * 7), 8.0)


def loaded(joint: float, *, reruns: bool = False) -> tuple[WorkerQueue, Assignments]:
    """A worker to which all of a unit was sent."""
    assignments = Assignments(Workload((unit(joint),), tuple(SECONDS)), 1, reruns=reruns)
    assignments.open_lane("a", 0.0)
    lane = assignments.lanes["a"]
    assignments.take(lane, assignments.backlog.pop_first())
    while lane.open_piece is not None:
        assignments.give(lane, lane.open_piece)
    return lane, assignments


def test_cut_leaves_both_done_at_the_same_time() -> None:
    assert best_cut(Piece(unit(0.0), sent=1), SECONDS, 8.0, 0.0) == (4, 4.0)


def test_cut_moves_back_for_the_set_up_that_is_repeated() -> None:
    assert best_cut(Piece(unit(2.0), sent=1), SECONDS, 8.0, 0.0) == (5, 5.0)


def test_what_was_sent_is_not_cut() -> None:
    assert best_cut(Piece(unit(0.0), sent=6), SECONDS, 8.0, 0.0) == (6, 6.0)


@pytest.mark.parametrize("joint", [8.0, inf])
def test_cut_that_gains_nothing_is_not_made(joint: float) -> None:
    assert best_cut(Piece(unit(joint), sent=1), SECONDS, 8.0, 0.0) == (0, 8.0)


def test_withdrawal_leaves_both_done_at_the_same_time() -> None:
    assert best_withdrawal(*loaded(0.0), 0.0) == (4, 4.0)


def test_withdrawal_counts_the_set_up_that_is_repeated() -> None:
    assert best_withdrawal(*loaded(2.0), 0.0) == (5, 5.0)


def test_withdrawal_does_not_part_what_must_stay_together() -> None:
    assert best_withdrawal(*loaded(inf), 0.0) == (0, 8.0)


def test_the_two_tests_that_a_worker_has_taken_up_stay_with_it() -> None:
    assert best_withdrawal(*loaded(0.0), -20.0)[0] == 2


def test_stand_in_and_reruns_are_not_asked_back() -> None:
    lane, assignments = loaded(0.0, reruns=True)
    for index in range(6):
        assignments.close_test(lane, index)
    assignments.pool.decide(Rerun(0, 0.0, "b"), is_running=False)
    assignments.pool.advance(0.0)
    assert assignments.pool.take(lambda _: True) is not None
    assignments.send_again(lane, 0)
    lane.anchor()
    lane.look(assignments.seconds, 0.0)

    assert list(lane.queue) == [6, 7, 0, 8]
    assert best_withdrawal(lane, assignments, -20.0) == (0, 3.0)
