from __future__ import annotations

from math import inf

import pytest

from pytest_nexus.plan.dispatch.balance import best_cut, best_withdrawal
from pytest_nexus.plan.dispatch.lane import Lane, Piece
from pytest_nexus.plan.dispatch.units import Unit

SECONDS = [1.0] * 8


def unit(joint: float) -> Unit:
    return Unit(tuple(range(8)), (0.0, *[joint] * 7), 8.0)


def loaded(joint: float) -> tuple[Lane, dict[int, Piece]]:
    """A worker to which all of a unit was sent."""
    lane, piece = Lane("a", 0.0), Piece(unit(joint), sent=8)
    lane.pieces.append(piece)
    for index in range(8):
        lane.add(index, 1.0)
    return lane, dict.fromkeys(range(8), piece)


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
    assert best_withdrawal(*loaded(0.0), SECONDS, 0.0) == (4, 4.0)


def test_withdrawal_counts_the_set_up_that_is_repeated() -> None:
    assert best_withdrawal(*loaded(2.0), SECONDS, 0.0) == (5, 5.0)


def test_withdrawal_does_not_part_what_must_stay_together() -> None:
    assert best_withdrawal(*loaded(inf), SECONDS, 0.0) == (0, 8.0)


def test_the_two_tests_that_a_worker_has_taken_up_stay_with_it() -> None:
    lane, pieces = loaded(0.0)

    assert best_withdrawal(lane, pieces, SECONDS, -20.0)[0] == 2
