"""The brakes answer a waiting worker whatever fails, and raise the failure in the session."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.run.xdist.maxfail_controller import FailureBrake
from pytest_nexus.run.xdist.maxfail_worker import GO

if TYPE_CHECKING:
    from collections.abc import Callable


class Worker:
    """A worker with one channel, over which it asks and hears words."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.ask: Callable[[Any], None] = lambda _: None
        self.config = SimpleNamespace(getvalue={"dist": "load"}.get)
        self.gateway = SimpleNamespace(id="gw0", newchannel=lambda: self)
        self.workerinput: dict[str, Any] = {}

    def setcallback(self, callback: Callable[[Any], None]) -> None:
        self.ask = callback

    def send(self, word: str) -> None:
        self.words.append(word)


def post_that_fails(call: Callable[[], object]) -> bool:
    raise RuntimeError("no room")


@pytest.fixture
def worker() -> Worker:
    return Worker()


@pytest.fixture
def brakes(worker: Worker) -> FailureBrake:
    """A brake that has heard a worker and could not pass that on."""
    made = FailureBrake(lambda _: True, lambda _: False, post_that_fails)
    made.pytest_configure_node(worker)
    worker.ask(None)
    return made


def test_worker_that_waits_is_answered_whatever_fails(brakes: FailureBrake, worker: Worker) -> None:
    assert worker.words == [GO]


def test_next_repetition_says_what_failed(brakes: FailureBrake) -> None:
    with pytest.raises(RuntimeError, match="no room"):
        brakes.begin("gw0")


def test_end_of_a_worker_says_what_failed_once(brakes: FailureBrake, worker: Any) -> None:
    with pytest.raises(RuntimeError, match="no room"):
        brakes.pytest_testnodedown(worker)
    brakes.pytest_testnodedown(worker)
