"""Several may listen to audit events, and none can make an operation fail."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.record.dependencies.watching.audit import Listener

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENT = "pytest_nexus.of_this_test"


class Heard:
    def __init__(self, error: type[Exception] | None = None) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.failed: list[str] = []
        self.error = error
        self.listener = Listener({EVENT: self.hear}, self.failed.append)

    def hear(self, arguments: tuple[Any, ...]) -> None:
        self.events.append(arguments)
        if self.error is not None:
            raise self.error


@pytest.fixture
def started() -> Iterator[list[Heard]]:
    found: list[Heard] = []
    yield found
    for one in found:
        one.listener.stop()


def listen(started: list[Heard], error: type[Exception] | None = None) -> Heard:
    one = Heard(error)
    started.append(one)
    one.listener.start()
    return one


def test_inner_listener_ends_and_the_outer_goes_on(started: list[Heard]) -> None:
    outer, inner = listen(started), listen(started)
    sys.audit(EVENT, 1)
    inner.listener.stop()
    inner.listener.stop()
    sys.audit(EVENT, 2)
    assert (outer.events, inner.events) == ([(1,), (2,)], [(1,)])


def test_handler_that_fails_is_removed(started: list[Heard]) -> None:
    one = listen(started, ValueError)
    sys.audit(EVENT, 1)
    sys.audit(EVENT, 2)
    assert (one.events, one.failed, one.listener.lost) == ([(1,)], [EVENT], [])


def test_handler_without_room_on_the_stack_stays(started: list[Heard]) -> None:
    one = listen(started, RecursionError)
    sys.audit(EVENT, 1)
    one.error = None
    sys.audit(EVENT, 2)
    assert (one.events, one.failed, one.listener.lost) == ([(1,), (2,)], [], [EVENT])
