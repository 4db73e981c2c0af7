from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.plan.within_run.moving_queue import MovingQueue


def drained(queue: MovingQueue) -> list[int]:
    found = []
    while len(queue):
        found.append(queue.first())
        queue.take(found[-1])
    return found


def test_without_moves_places_come_in_the_order_of_the_plan() -> None:
    assert drained(MovingQueue([3.0, 2.0, 2.0, 1.0])) == [0, 1, 2, 3]


def test_a_place_moves_forward_and_back() -> None:
    queue = MovingQueue([3.0, 2.0, 1.0, 0.0])
    queue.move(3, 5.0)
    queue.move(0, 1.5)
    assert drained(queue) == [3, 1, 0, 2]


def test_equal_ranks_keep_the_order_of_the_plan() -> None:
    queue = MovingQueue([2.0, 1.0, 0.0])
    queue.move(2, 1.0)
    assert drained(queue) == [0, 1, 2]
    queue = MovingQueue([2.0, 1.0, 1.0])
    queue.move(0, 1.0)
    assert drained(queue) == [0, 1, 2]


def test_the_last_move_of_a_place_counts() -> None:
    queue = MovingQueue([2.0, 1.0, 0.0])
    queue.move(2, 9.0)
    queue.move(2, -1.0)
    queue.move(1, 9.0)
    assert drained(queue) == [1, 0, 2]


def test_a_place_that_was_taken_stays_taken() -> None:
    queue = MovingQueue([1.0, 0.0])
    queue.take(0)
    queue.move(0, 9.0)
    assert not queue.has(0)
    assert queue.has(1)
    assert drained(queue) == [1]
    with pytest.raises(ValueError, match="place 1 was taken before"):
        queue.take(1)
    with pytest.raises(IndexError):
        queue.first()


def test_a_moved_place_may_be_taken_from_within() -> None:
    queue = MovingQueue([2.0, 1.0, 0.0])
    queue.move(2, 9.0)
    queue.take(2)
    assert drained(queue) == [0, 1]


@given(st.data())
def test_each_place_comes_once_and_the_highest_rank_first(data) -> None:
    n = data.draw(st.integers(0, 8))
    rank = st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0])
    ranks = sorted(data.draw(st.lists(rank, min_size=n, max_size=n)), reverse=True)
    queue, now, left, found = MovingQueue(ranks), list(ranks), set(range(n)), []
    while left:
        for place in data.draw(st.lists(st.sampled_from(range(n)), max_size=3)):
            new = data.draw(rank)
            queue.move(place, new)
            if place in left:
                now[place] = new
        assert len(queue) == len(left)
        first = queue.first()
        assert first == min(left, key=lambda place: (-now[place], place))
        queue.take(first)
        left.discard(first)
        found.append(first)
    assert sorted(found) == list(range(n))
