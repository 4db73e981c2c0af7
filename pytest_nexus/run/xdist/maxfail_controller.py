"""Under `--maxfail`, what the controller of xdist says to its workers, see `maxfail_worker`."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.run.xdist.maxfail_worker import AGAIN, BRAKE, GO, HOLD, RELEASE, STOP

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_nexus.compat.xdist_internals import WorkerNode

    Answer = Callable[[str], bool]
    """Given the name of a worker in which a test has failed, says whether that is repeated."""


class FailureBrake:
    """Answers the workers, and holds them while a test is repeated on one of them.

    Args:
        answer: says whether the last test of a worker is repeated.
        is_last_straw: says whether the session ends if so many tests more fail.
        post: lets the controller call something, behind the reports that it has received; returns
            whether it will be called.
    """

    def __init__(
        self,
        answer: Answer,
        is_last_straw: Callable[[int], bool],
        post: Callable[[Callable[[], object]], bool | None],
    ) -> None:
        self._answer = answer
        self._is_last_straw = is_last_straw
        self._post = post
        self._channels: dict[str, Any] = {}
        self._repeating: set[str] = set()
        """Workers on which a test is repeated."""
        self._is_held = False
        self._error: Exception | None = None
        """What failed in execnet's receiver thread, until it is raised in that of the session."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Called on the controller for each worker before it starts."""
        if node.config.getvalue("dist") == "each":
            return
        name = node.gateway.id
        channel = self._channels[name] = node.gateway.newchannel()
        channel.setcallback(lambda _: self._hear(name))
        node.workerinput.setdefault("nexus", {})[BRAKE] = channel
        if self._is_held:
            self._tell(name, HOLD)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: WorkerNode) -> None:
        """A worker has ended: nothing is repeated there."""
        self._fail()
        self._channels.pop(node.gateway.id, None)
        self._end(node.gateway.id)

    def _hear(self, worker: str) -> None:
        """Called in execnet's receiver thread: a worker waits for an answer, which has to come."""
        try:
            is_heard = self._post(lambda: self._reply(worker))
        except Exception as exc:  # noqa: BLE001 - raised by `_fail` in the thread of the session
            self._error = exc
            is_heard = False
        if not is_heard:
            self._tell(worker, GO)

    def _fail(self) -> None:
        """Raise what failed where a worker was heard, once."""
        error, self._error = self._error, None
        if error is not None:
            raise error

    def begin(self, worker: str) -> None:
        """A test is to be repeated on a worker: the others wait, if the session may end with it."""
        self._fail()
        self._repeating.add(worker)
        if not self._is_held and self._is_last_straw(len(self._repeating)):
            self._is_held = True
            self._tell_all(HOLD)

    def end(self, worker: str) -> None:
        """A test has ended on a worker and is not repeated; its reports are about to be logged."""
        if worker in self._repeating:
            self._post(lambda: self._end(worker))

    def _end(self, worker: str) -> None:
        self._repeating.discard(worker)
        if self._is_last_straw(0):
            self.stop()
        elif self._is_held and not self._repeating:
            self._is_held = False
            self._tell_all(RELEASE)

    def let_go(self) -> None:
        """Nothing is repeated from here on: let all workers run."""
        self._is_held = False
        self._tell_all(RELEASE)

    def stop(self) -> None:
        """The session ends: no worker begins another test."""
        self._tell_all(STOP)

    def _reply(self, worker: str) -> None:
        if self._is_last_straw(0):
            self.stop()
        else:
            self._tell(worker, AGAIN if self._answer(worker) else GO)

    def _tell_all(self, word: str) -> None:
        for worker in self._channels:
            self._tell(worker, word)

    def _tell(self, worker: str, word: str) -> None:
        channel = self._channels.get(worker)
        if channel is not None:
            with suppress(OSError):  # it has just died; xdist will say so
                channel.send(word)
