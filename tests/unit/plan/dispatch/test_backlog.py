from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.plan.dispatch.backlog import Backlog
from pytest_nexus.plan.dispatch.units import Unit

SECONDS = [3.0, 1.0, 5.0, 2.0]


def backlog(seconds: list[float], n_workers: int = 2) -> Backlog:
    return Backlog(range(len(seconds)), seconds, n_workers)


def test_first_is_the_next_of_the_plan() -> None:
    jobs = backlog(SECONDS)

    assert [jobs.pop_first() for _ in SECONDS] == [0, 1, 2, 3]


def test_longest_and_shortest_are_found_between_each_other() -> None:
    jobs = backlog(SECONDS)

    assert [jobs.pop_longest(), jobs.pop_shortest(), jobs.pop_longest()] == [2, 1, 0]
    assert jobs.pop_first() == 3
    assert not len(jobs)


def test_what_comes_back_goes_first_in_its_order() -> None:
    jobs = backlog(SECONDS)
    jobs.pop_first()
    jobs.pop_first()
    jobs.give_back([0, 1], SECONDS)

    assert [jobs.pop_first() for _ in SECONDS] == [0, 1, 2, 3]


def test_long_jobs_end_when_they_are_done_alone() -> None:
    assert backlog([5.0, 5.0, 5.0, 1.0], 2).long_end([0.0, 0.0]) == pytest.approx(10.0)
    assert backlog([5.0, 4.0, 3.0, 1.0], 4).long_end([0.0, 0.0, 0.0, 0.0]) == pytest.approx(5.0)


def test_the_end_of_long_jobs_follows_what_is_taken_and_given_back() -> None:
    jobs = backlog(SECONDS)
    assert jobs.long_end([0.0, 0.0]) == pytest.approx(6.0)
    jobs.pop_longest()
    assert jobs.long_end([0.0, 0.0]) == pytest.approx(3.0)
    jobs.give_back([2], SECONDS)
    assert jobs.long_end([0.0, 0.0]) == pytest.approx(6.0)


def test_the_end_counts_what_long_jobs_that_do_not_divide_evenly_need() -> None:
    assert backlog([3.0, 3.0, 2.0, 2.0, 2.0]).long_end([0.0, 0.0]) == pytest.approx(7.0)


def test_long_jobs_end_later_behind_what_keeps_workers_busy() -> None:
    jobs = backlog([3.0, 3.0])
    assert jobs.long_end([0.0, 1.0]) == pytest.approx(4.0)
    assert jobs.long_end([0.0, 9.0]) == pytest.approx(6.0)


def test_what_long_jobs_take_is_counted_as_they_come_and_go() -> None:
    jobs = backlog(SECONDS)
    assert jobs.long_s == pytest.approx(sum(SECONDS))
    jobs.pop_longest()
    assert jobs.long_s == pytest.approx(6.0)
    jobs.give_back([2], SECONDS)
    assert jobs.long_s == pytest.approx(11.0)
    for _ in SECONDS:
        jobs.pop_first()
    assert jobs.long_s == 0.0


def test_tests_that_stay_last_are_neither_longest_nor_shortest() -> None:
    last = Unit((2, 3), (0.0, 0.0), 7.0, is_last=True)
    jobs = Backlog([0, 1, last], SECONDS, 1)

    assert [jobs.pop_longest(), jobs.pop_shortest(), jobs.pop_first()] == [0, 1, last]


@given(st.lists(st.floats(0.01, 9.0), max_size=30), st.data())
def test_every_job_comes_out_once(seconds: list[float], data: st.DataObject) -> None:
    jobs = backlog(seconds)
    taken: list[object] = []
    while len(jobs):
        action = data.draw(st.sampled_from(["first", "longest", "shortest", "back"]))
        if action == "back" and taken:
            jobs.give_back([taken.pop()], seconds)  # type: ignore[list-item]
        else:
            name = "first" if action == "back" else action
            taken.append(getattr(jobs, f"pop_{name}")())

    assert sorted(taken) == list(range(len(seconds)))
