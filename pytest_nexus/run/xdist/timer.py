"""Call a function in a thread when a given time has come."""

from __future__ import annotations

from threading import Condition, Thread
from typing import TYPE_CHECKING

from pytest_nexus.domain.system.clock import perf_counter

if TYPE_CHECKING:
    from collections.abc import Callable


class WakeUpTimer:
    """Rings once at the set time; the thread starts when a time is first set.

    Args:
        ring: called in the thread; must not wait for anything.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._clock = perf_counter
        self._at_s: float | None = None
        self._is_closed = False
        self._changed = Condition()
        self._thread: Thread | None = None
        self.error: Exception | None = None
        """The error that ended the thread too early; the thread rang once more because of it."""

    def set(self, at_s: float | None) -> None:
        """Set the timer to a time of `timing.perf_counter`; None: do not ring."""
        if at_s == self._at_s or self._is_closed:
            return
        with self._changed:
            self._at_s = at_s
            self._changed.notify()
        if self._thread is None:
            self._thread = Thread(target=self._run, name="nexus-alarm", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop ringing, and end the thread."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    def fail(self) -> None:
        """Raise the error that ended the thread, if any."""
        if self.error is not None:
            raise self.error

    def _run(self) -> None:
        try:
            self._wait_and_ring()
        except Exception as exc:  # noqa: BLE001 - raised by `fail` in the thread of the session
            self.error = exc
            self._ring()

    def _wait_and_ring(self) -> None:
        with self._changed:
            while not self._is_closed:
                left_s = None if self._at_s is None else self._at_s - self._clock()
                if left_s is None or left_s > 0:
                    self._changed.wait(left_s)
                else:
                    self._at_s = None
                    self._ring()
