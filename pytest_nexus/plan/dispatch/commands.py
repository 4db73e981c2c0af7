"""Commands of the dispatch to the adapter that talks to the workers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Send:
    """Append tests to the queue of a worker."""

    worker: str
    indices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Ask a worker for tests that it has not started; it gives back all of them, or none."""

    worker: str
    indices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Shutdown:
    """Tell a worker to end after its queue."""

    worker: str


Command = Send | Withdraw | Shutdown


@dataclass(frozen=True, slots=True)
class Settings:
    """How far ahead workers get tests."""

    window_s: float = 0.5
    """Seconds of work in a worker's queue, so that the worker never waits for a busy controller."""
    least_window_s: float = 0.005
    """Minimum window near the end, in seconds: a few round trips."""
    least_gain_s: float = 0.01
    """Seconds that cutting a unit, or withdrawing tests, must save."""
