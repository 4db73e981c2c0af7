"""How a worker of xdist behaves under `--maxfail`: it runs on only where the controller lets it.

A test that failed is repeated here at once, if the controller says so, and other workers begin no
test before that has ended. So the session ends where pytest's own would: what is under way may end,
and no more. The words come over a channel of our own.
"""

from __future__ import annotations

from queue import SimpleQueue
from threading import Event
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

BRAKE: Final = "brake"
"""Key in `workerinput["nexus"]` of the channel; only where a limit of failures is set."""

AGAIN: Final = "again"
GO: Final = "go"
STOP: Final = "stop"
HOLD: Final = "hold"
RELEASE: Final = "release"
ASK: Final = "ask"
"""The one word of the worker: a test has failed, what now?"""


class LimitedWorker:
    """Asks the controller after each failure, and begins no test while it is held.

    Args:
        channel: to the controller.
        flush: sends the reports that are held back: the controller answers by them.
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
        """Around xdist's loop: listen to the controller; its end is the end of this session."""
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
        """Run a test, and again as long as it fails and the controller says so.

        Args:
            protocol: the hook that runs a test; what others do around each attempt is to be done
                for a second one too.
            item: the test.
            nextitem: the test after it; None where none is known.
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
