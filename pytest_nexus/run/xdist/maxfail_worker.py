"""Run an xdist worker under `--maxfail`: it goes on only when the controller allows it.

A failed test is repeated at once on the same worker if the controller says so. Until the repetition
has ended, other workers start no test. The session thus ends where pytest's own would end: running
tests may finish, and no others start. The messages use a channel of their own.
"""

from __future__ import annotations

from queue import SimpleQueue
from threading import Event
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

BRAKE: Final = "brake"
"""Key in `workerinput["nexus"]` of the channel; present only if a limit of failures is set."""

AGAIN: Final = "again"
GO: Final = "go"
STOP: Final = "stop"
HOLD: Final = "hold"
RELEASE: Final = "release"
ASK: Final = "ask"
"""The only message of the worker: a test has failed, and the worker waits for an answer."""


class LimitedWorker:
    """Asks the controller after each failure, and starts no test while it is held.

    Args:
        channel: to the controller.
        flush: sends the held reports, which the controller needs for its answer.
    """

    def __init__(self, channel: Any, flush: Callable[[], None] | None = None) -> None:
        self._channel = channel
        self._flush = flush
        self._answers: SimpleQueue[str] = SimpleQueue()
        self._is_free = Event()
        self._is_free.set()
        self._is_stopped = False

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, Any, Any]:
        """Listen to the controller during xdist's loop; a closed channel counts as `STOP`."""
        self._channel.setcallback(self._hear, endmarker=STOP)
        return (yield)

    def _hear(self, word: str) -> None:
        """Called in execnet's receiver thread."""
        if word == HOLD:
            self._is_free.clear()
        elif word == RELEASE:
            self._is_free.set()
        else:
            self._is_stopped = self._is_stopped or word == STOP
            self._answers.put(word)
            if word == STOP:
                self._is_free.set()

    def run(
        self, protocol: Callable[..., Any], item: pytest.Item, nextitem: pytest.Item | None
    ) -> None:
        """Run a test, and repeat it as long as it fails and the controller says so.

        Args:
            protocol: the hook that runs a test. The wrappers of other plugins run around each
                attempt.
            item: the test.
            nextitem: the test after it; None if none is known.
        """
        session = item.session
        self._is_free.wait()
        word = STOP if self._is_stopped else AGAIN
        while word == AGAIN:
            n_failed = session.testsfailed
            protocol(item=item, nextitem=nextitem)
            if session.testsfailed == n_failed or session.shouldstop:
                return
            word = self._ask()
        if word == STOP:
            session.shouldfail = "stopping at the limit of failures"

    def _ask(self) -> str:
        try:
            if self._flush is not None:
                self._flush()
            self._channel.send(ASK)
        except OSError:  # the controller is gone
            return STOP
        return self._answers.get()
