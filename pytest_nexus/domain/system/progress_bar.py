"""Show on the error output how far a command is, and how much time is left."""

from __future__ import annotations

from importlib import import_module
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Final, Self

from pytest_nexus.domain.system import clock
from pytest_nexus.domain.system.console import progress, warn
from pytest_nexus.domain.system.display import errors_are_on_a_terminal
from pytest_nexus.domain.wording import seconds

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST_S: Final = 2.0
"""A command that takes less time shows nothing."""

EVERY_S: Final = 10.0
"""Seconds between two lines where no terminal is, such as in the log of a CI."""


class ProgressBar:
    """Shows the progress of one command; called with the number done and the number of all.

    A terminal gets a bar if rich is installed, else one line that is written again. Any other
    output gets at most one line in ten seconds. Nothing is shown in the first two seconds.

    Args:
        noun: what is counted, in plural.
        is_quiet: whether to show nothing, as with `--json`.
        now: returns seconds.
    """

    def __init__(
        self,
        noun: str,
        *,
        is_quiet: bool = False,
        now: Callable[[], float] = clock.perf_counter,
    ) -> None:
        self._noun, self._is_quiet, self._now = noun, is_quiet, now
        self._started = now()
        self._shown: float | None = None
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        elif self._shown is not None and errors_are_on_a_terminal():
            progress("", is_last=True)

    def __call__(self, done: int, total: int) -> None:
        """Show the progress, if it is time for that."""
        elapsed = self._now() - self._started
        if self._is_quiet or elapsed < FIRST_S or not done:
            return
        text = f"{done:,} of {total:,} {self._noun}"
        if done < total:
            text += f", {seconds(elapsed * (total - done) / done)} left"
        if errors_are_on_a_terminal():
            self._draw(text, done, total)
        elif self._shown is None or elapsed - self._shown >= EVERY_S:
            self._shown = elapsed
            warn(text)

    def _draw(self, text: str, done: int, total: int) -> None:
        if self._bar is None and self._shown is None:
            self._bar = _rich_bar()
        self._shown = self._now()
        if self._bar is None:
            progress(text)
            return
        if not self._bar.task_ids:
            self._bar.start()
            self._bar.add_task("", total=total)
        self._bar.update(self._bar.task_ids[0], completed=done, description=text)


class Waiting:
    """Says what a command does, and for how long, where nobody knows how much is left.

    The same rules hold as for a bar: nothing in the first two seconds, one line that is written
    again on a terminal, and at most one line in ten seconds in any other output.

    Args:
        what: what the command does, such as `writing the copy`.
        is_quiet: whether to show nothing, as with `--json`.
        now: returns seconds.
    """

    def __init__(
        self,
        what: str,
        *,
        is_quiet: bool = False,
        now: Callable[[], float] = clock.perf_counter,
    ) -> None:
        self._what, self._now = what, now
        self._ended = Event()
        self._teller = None if is_quiet else Thread(target=self._tell, daemon=True)
        self._has_shown = False

    def __enter__(self) -> Self:
        if self._teller is not None:
            self._teller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._teller is not None:
            self._teller.join()
        if self._has_shown and errors_are_on_a_terminal():
            progress("", is_last=True)

    def _tell(self) -> None:
        started, pause_s = self._now(), FIRST_S
        while not self._ended.wait(pause_s):
            self._has_shown = True
            text = f"{self._what}: {seconds(self._now() - started)} so far"
            if errors_are_on_a_terminal():
                progress(text)
                pause_s = 1.0
            else:
                warn(text)
                pause_s = EVERY_S


def _rich_bar() -> Any:
    """Return a bar of rich on the error output; None if rich is not installed."""
    try:
        console = import_module("rich.console").Console(stderr=True)
        parts = import_module("rich.progress")
    except ImportError:
        return None
    columns = (parts.TextColumn("{task.description}", markup=False), parts.BarColumn())
    return parts.Progress(*columns, console=console, transient=True)
