from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from pytest_nexus.plan.shared_queue.work import Leased
from pytest_nexus.run.shared_queue.queued_tests import QueuedTests

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NODEIDS = [f"t.py::{number}" for number in range(6)]


class Queue:
    """Hands out batches; its log has the number of tests of each claim."""

    def __init__(self, *batches: int) -> None:
        self.again: list[Leased] = []
        self.stopped_by = ""
        self.log: list[str] = []
        self._batches = list(batches)
        self._numbers = iter(range(len(NODEIDS)))

    def claim(self) -> list[Leased]:
        size = self._batches.pop(0) if self._batches else 0
        self.log.append(f"claim {size}")
        numbers = [next(self._numbers) for _ in range(size)]
        return [Leased(number, (number,), 1) for number in numbers]

    def wait(self, _: Callable[[], bool]) -> list[Leased]:
        return self.claim()

    def finished(self, unit: Leased) -> None:
        self.log.append(f"done {unit.number}")


class Access:
    def __init__(self, queue: Queue) -> None:
        self.queue = queue

    def note_batch(self, units: Sequence[Leased]) -> None:
        pass


def drawn_by(queue: Queue) -> QueuedTests:
    return QueuedTests(cast("Any", Access(queue)), range(len(NODEIDS)), NODEIDS)


def run_all(tests: QueuedTests, removed: Sequence[int] = ()) -> None:
    """Run tests as the loops do: they know the next test before they begin one."""
    taken = tests.take() if len(tests) else None
    while taken is not None:
        upcoming = tests.take() if len(tests) else None
        if taken not in removed:
            tests.attempted(NODEIDS[taken])
            tests.ended(NODEIDS[taken])
        if upcoming is None:
            upcoming = tests.take() if tests.wait(lambda: True) else None
        taken = upcoming


def test_nothing_is_claimed_before_all_drawn_by_a_batch_have_run() -> None:
    queue = Queue(3, 1, 1, 1)

    run_all(drawn_by(queue))

    assert queue.log == [
        "claim 3", "done 0", "done 1", "done 2", "claim 1", "done 3", "claim 1", "done 4",
        "claim 1", "done 5", "claim 0",
    ]  # fmt: skip


def test_a_removed_test_does_not_end_the_claims() -> None:
    queue = Queue(1, 2)

    run_all(drawn_by(queue), removed=[0])

    assert queue.log == ["claim 1", "claim 2", "done 1", "done 2", "claim 0"]


def test_a_repeated_attempt_changes_nothing() -> None:
    queue = Queue(2, 1)
    tests = drawn_by(queue)
    assert [len(tests), tests.take(), len(tests), tests.take()] == [2, 0, 1, 1]

    tests.attempted(NODEIDS[0])
    tests.attempted(NODEIDS[0])

    assert tests.may_grow
    assert len(tests) == 0
    assert queue.log == ["claim 2"]
    tests.attempted(NODEIDS[1])
    assert not tests.may_grow
    assert len(tests) == 1
