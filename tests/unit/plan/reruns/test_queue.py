from __future__ import annotations

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.plan.reruns.queue import RunQueue, Step

FREE: Final = ""


def queue(blocks: str) -> RunQueue:
    """A queue of tests named by their blocks; a dot is a test without one."""
    return RunQueue(len(blocks), lambda index: blocks[index].replace(".", FREE))


def waits_only(tests: RunQueue) -> bool:
    """Whether nothing but reruns is left."""
    return tests.n_fresh == 0 < tests.n_waiting


def drained(tests: RunQueue, now: float = 0.0) -> list[int]:
    taken = []
    while (step := tests.take(now)) is not None:
        taken.append(step.index)
    return taken


def test_without_reruns_tests_come_in_their_order() -> None:
    assert drained(queue("....")) == [0, 1, 2, 3]


def test_an_empty_queue_has_nothing() -> None:
    assert queue("").take(0.0) is None
    assert not waits_only(queue(""))


def test_a_rerun_that_is_due_goes_next() -> None:
    tests = queue("...")
    tests.take(0.0)
    tests.put_back(0, due=5.0)
    assert tests.take(4.9) == Step(1)
    assert tests.take(5.0) == Step(0, 5.0, is_rerun=True)
    assert tests.take(5.0) == Step(2)


def test_left_alone_the_earliest_rerun_comes_before_it_is_due() -> None:
    tests = queue("..")
    drained(tests)
    tests.put_back(0, due=9.0)
    tests.put_back(1, due=7.0)
    assert waits_only(tests)
    assert tests.take(1.0) == Step(1, 7.0, is_rerun=True)
    assert tests.take(1.0) == Step(0, 9.0, is_rerun=True)
    assert tests.take(1.0) is None


def test_a_rerun_does_not_interrupt_a_block() -> None:
    tests = queue(".aab")
    assert [tests.take(0.0), tests.take(0.0)] == [Step(0), Step(1)]
    tests.put_back(0, due=0.0)
    assert drained(tests) == [2, 0, 3]


def test_a_rerun_goes_between_two_blocks_and_before_the_first() -> None:
    tests = queue("aabb")
    assert [tests.take(0.0), tests.take(0.0)] == [Step(0), Step(1)]
    tests.put_back(1, due=0.0)
    assert drained(tests) == [1, 2, 3]


def test_tests_without_a_block_are_no_block() -> None:
    tests = queue("...")
    tests.take(0.0)
    tests.put_back(0, due=0.0)
    assert drained(tests) == [0, 1, 2]


def test_held_reruns_wait_until_they_are_let_go() -> None:
    tests = queue("..")
    tests.take(0.0)
    tests.put_back(0, due=0.0)
    tests.hold(is_held=True)
    assert drained(tests) == [1]
    assert waits_only(tests)
    tests.hold(is_held=False)
    assert drained(tests) == [0]


def test_dropped_reruns_do_not_come() -> None:
    tests = queue("..")
    tests.take(0.0)
    tests.put_back(0, due=0.0)
    tests.drop_reruns()
    assert drained(tests) == [1]
    assert not waits_only(tests)


@given(st.data())
def test_no_test_is_lost_and_none_comes_twice(data: st.DataObject) -> None:
    blocks = data.draw(st.text("ab.", max_size=12))
    tests = queue(blocks)
    runs = [data.draw(st.integers(1, 3)) for _ in blocks]
    taken: list[int] = []
    now = 0.0
    while tests.n_fresh or waits_only(tests):
        is_held = data.draw(st.booleans())
        tests.hold(is_held=is_held)
        step = tests.take(now)
        if step is None:
            assert is_held
            assert waits_only(tests)
            continue
        assert step.is_rerun == (step.index in taken)
        assert step.start_at <= now or not tests.n_fresh
        taken.append(step.index)
        if taken.count(step.index) < runs[step.index]:
            tests.put_back(step.index, now + data.draw(st.sampled_from([0.0, 1.0, 3.0])))
        now += data.draw(st.sampled_from([0.0, 1.0]))
    assert [taken.count(index) for index in range(len(blocks))] == runs
    assert [index for place, index in enumerate(taken) if index not in taken[:place]] == list(
        range(len(blocks))
    )


@given(st.text("ab.", min_size=1, max_size=12), st.integers(0, 11))
def test_a_block_stays_whole_while_its_tests_are_new(blocks: str, failing: int) -> None:
    tests = queue(blocks)
    taken: list[int] = []
    while (step := tests.take(0.0)) is not None:
        taken.append(step.index)
        if step.index == failing and not step.is_rerun:
            tests.put_back(failing, 0.0)
    for before, after in zip(range(len(blocks)), range(1, len(blocks)), strict=False):
        if blocks[before] == blocks[after] != ".":
            assert taken.index(after) == taken.index(before) + 1


class Growing:
    """One test, after which more may come."""

    may_grow = True

    def __init__(self) -> None:
        self.left = [0]

    def __len__(self) -> int:
        return len(self.left)

    def first(self) -> int:
        return self.left[0]

    def take(self) -> int:
        return self.left.pop()

    def learn(self, place: int, *, has_failed: bool) -> None:
        pass


def test_a_rerun_that_is_not_due_waits_while_tests_may_come() -> None:
    fresh = Growing()
    queue = RunQueue(1, lambda _: "", fresh)
    queue.take(0.0)
    queue.put_back(0, 5.0)

    assert queue.take(1.0) is None
    assert queue.take(5.0) == Step(0, 5.0, is_rerun=True)
    queue.put_back(0, 9.0)
    fresh.may_grow = False
    assert queue.take(6.0) == Step(0, 9.0, is_rerun=True)
