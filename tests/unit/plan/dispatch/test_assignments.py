from __future__ import annotations

import pytest

from pytest_nexus.plan.dispatch.assignments import Assignments
from pytest_nexus.plan.dispatch.units import Unit, Workload
from pytest_nexus.plan.dispatch.worker_queue import WorkerQueue

UNIT = Unit((0, 1, 2, 3), (0.0, 0.5, 0.5, 0.5), 4.0)


def at_work(n_sent: int, n_done: int) -> tuple[Assignments, WorkerQueue]:
    """A worker that was sent some of the one unit there is, and has finished some of that."""
    assignments = Assignments(Workload((UNIT,), (1.0,) * 4), 1)
    lane = WorkerQueue("a", 0.0)
    assignments.take(lane, assignments.backlog.pop_first())
    for _ in range(n_sent - 1):
        assignments.give(lane, lane.pieces[0])
    for index in range(n_done):
        assignments.close_test(lane, index)
    return assignments, lane


def test_rest_of_a_unit_comes_back_though_nothing_of_it_is_queued() -> None:
    assignments, lane = at_work(n_sent=2, n_done=2)

    assignments.dissolve(lane)

    assert assignments.backlog.pop_first() == Unit((2, 3), (0.0, 0.5), 2.0)


def test_queued_and_kept_tests_of_a_unit_come_back_as_one() -> None:
    assignments, lane = at_work(n_sent=3, n_done=1)

    assignments.dissolve(lane)

    assert assignments.backlog.pop_first() == Unit((1, 2, 3), (0.0, 0.5, 0.5), 3.0)
    assert assignments.unsent == 3
    assert assignments.unsent_s == pytest.approx(3.0)


def test_worker_is_done_with_a_unit_of_which_all_that_is_left_is_cut_off() -> None:
    assignments, lane = at_work(n_sent=2, n_done=2)

    tail = assignments.cut(lane, 2)

    assert tail.indices == (2, 3)
    assert not lane.pieces


def test_set_up_that_a_cut_makes_due_again_is_counted() -> None:
    assignments, lane = at_work(n_sent=2, n_done=0)

    assert assignments.cut(lane, 2).seconds == pytest.approx(2.5)
    assert assignments.unsent_s == pytest.approx(2.5)


def test_unit_that_is_given_back_whole_is_free_for_others() -> None:
    assignments, lane = at_work(n_sent=2, n_done=0)

    assignments.take_back(lane, [0, 1])

    assert not lane.pieces
    assert assignments.backlog.pop_first() == UNIT


def test_unit_that_is_given_back_in_part_is_kept_for_the_worker() -> None:
    assignments, lane = at_work(n_sent=3, n_done=0)

    assignments.take_back(lane, [2])

    assert not len(assignments.backlog)
    assert lane.open_piece is not None
    assert lane.open_piece.sent == 2
