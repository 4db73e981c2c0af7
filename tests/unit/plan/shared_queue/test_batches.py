from __future__ import annotations

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.plan.shared_queue.batches import LONGEST_BATCH_S, aim_of, batch_size
from pytest_nexus.plan.shared_queue.queue_units import sorted_collection, work_units
from pytest_nexus.plan.shared_queue.work import Aim, QueueState
from tests.support.shard_journals import sharded_plan

SECONDS = st.floats(0.0, 1e4)


@given(st.lists(SECONDS, min_size=1, max_size=30), SECONDS)
def test_batch_fits_the_aim_or_is_one_unit(seconds: list[float], aim_s: float) -> None:
    size = batch_size(seconds, [0] * len(seconds), Aim(aim_s, len(seconds), 0.0))

    assert 1 <= size <= len(seconds)
    assert size == 1 or sum(seconds[:size]) <= aim_s + 1e-6
    assert size == len(seconds) or sum(seconds[: size + 1]) > aim_s - 1e-6


@given(st.lists(st.integers(0, 2), min_size=1, max_size=9))
def test_suspect_units_are_among_themselves_and_at_last_alone(n_expired: list[int]) -> None:
    size = batch_size([1.0] * len(n_expired), n_expired, Aim(99.0, 9, 0.0))

    assert set(n_expired[:size]) in ({0}, {1}, {2})
    assert size == 1 or n_expired[0] < 2
    assert size == len(n_expired) or n_expired[0] == 2 or n_expired[size] != n_expired[0]


def test_few_suspect_units_are_together() -> None:
    aim = Aim(99.0, 40, 0.0)

    assert [batch_size([1.0] * 40, [times] * 40, aim) for times in (0, 1, 2)] == [40, 16, 1]


@given(st.integers(1, 10**5), SECONDS, st.integers(0, 200))
def test_batches_shrink_to_the_end(n_free: int, free_s: float, n_workers: int) -> None:
    now = aim_of(QueueState(n_free=n_free, free_s=free_s, n_workers=n_workers))
    later = aim_of(QueueState(n_free=n_free, free_s=free_s / 2, n_workers=n_workers))

    assert later.seconds <= now.seconds <= LONGEST_BATCH_S
    assert now.seconds * max(n_workers, 1) <= free_s / 4 + 1e-6
    assert now.n_units >= 1


def test_long_unit_starts_while_three_times_its_length_is_left_for_each_worker() -> None:
    """A worker of half the speed, with a forecast that is too low by a half, ends in that time."""
    state = QueueState(n_free=10, free_s=12.0, n_workers=4)

    assert aim_of(state).long_s == 1.0


def test_one_worker_alone_keeps_the_order_of_the_plan() -> None:
    assert aim_of(QueueState(n_free=3, free_s=3.0, n_workers=1)).long_s == inf


def test_empty_batch_of_nothing() -> None:
    assert batch_size([], [], aim_of(QueueState())) == 0


@given(st.permutations(["a", "b", "c <object at 0x7f01>", "d", "d"]))
def test_positions_are_the_same_in_every_process(nodeids: list[str]) -> None:
    other = [nodeid.replace("7f01", "7f99") for nodeid in reversed(nodeids)]

    def masked(names: list[str]) -> list[str]:
        return [names[index].partition(" at ")[0] for index in sorted_collection(names)]

    assert masked(nodeids) == masked(other) == sorted(masked(nodeids))


def test_units_leave_out_what_the_plan_leaves_out() -> None:
    plan = sharded_plan({"t.py::c": 1, "t.py::a": 0, "t.py::b": 1})

    units = work_units([one.test for one in plan.tests], plan)

    assert [unit.tests for unit in units] == [(2,), (1,)]
    assert [unit.seconds for unit in units] == [1.0, 1.0]
