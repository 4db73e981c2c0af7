"""Tell xdist's workers, under `--maxfail`, whether to go on; see `maxfail_worker`."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nexus.run.xdist.maxfail_worker import AGAIN, BRAKE, GO, HOLD, RELEASE, STOP

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_nexus.compat.xdist_internals import WorkerNode

    Answer = Callable[[str], bool]
    """Return, for the name of a worker in which a test has failed, whether the test is repeated."""


class FailureBrake:
    """Answers the workers, and holds them while a test is repeated on one of them.

    Args:
        answer: returns whether the last test of a worker is repeated.
        is_last_straw: returns whether the session ends after a given number of further failures.
        post: makes the controller call a function after the reports that it has received; returns
            whether the function will be called.
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
        """Workers that are repeating a test."""
        self._is_held = False
        self._error: Exception | None = None
        """An error in execnet's receiver thread, kept until it is raised in the session's
        thread."""

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
        """Forget a worker that has ended: it repeats nothing."""
        self._fail()
        self._channels.pop(node.gateway.id, None)
        self._end(node.gateway.id)

    def _hear(self, worker: str) -> None:
        """Answer a waiting worker in every case; called in execnet's receiver thread."""
        try:
            is_heard = self._post(lambda: self._reply(worker))
        except Exception as exc:  # noqa: BLE001 - raised by `_fail` in the thread of the session
            self._error = exc
            is_heard = False
        if not is_heard:
            self._tell(worker, GO)

    def _fail(self) -> None:
        """Raise, once, the error that occurred while a worker was heard."""
        error, self._error = self._error, None
        if error is not None:
            raise error

    def begin(self, worker: str) -> None:
        """Hold the other workers while one repeats a test, if a failure may end the session."""
        self._fail()
        self._repeating.add(worker)
        if not self._is_held and self._is_last_straw(len(self._repeating)):
            self._is_held = True
            self._tell_all(HOLD)

    def end(self, worker: str) -> None:
        """End the repetition on a worker; called before the final reports are logged."""
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
        """Release all workers: nothing is repeated from now on."""
        self._is_held = False
        self._tell_all(RELEASE)

    def stop(self) -> None:
        """Stop all workers before their next test: the session ends."""
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
            with suppress(OSError):  # the worker has just died; xdist reports that
                channel.send(word)
