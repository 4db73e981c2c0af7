"""What the dispatch tells whoever talks to the workers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Send:
    """Append tests to the queue of a worker."""

    worker: str
    indices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Ask a worker for tests it has not taken up; it gives back all of them, or none."""

    worker: str
    indices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Shutdown:
    """Let a worker end after its queue."""

    worker: str


Command = Send | Withdraw | Shutdown


@dataclass(frozen=True, slots=True)
class Settings:
    """How far ahead workers are served."""

    window_s: float = 0.5
    """Work that is queued at a worker, so that it does not wait for a controller that is busy."""
    least_window_s: float = 0.005
    """The same near the end: a few round trips."""
    least_gain_s: float = 0.01
    """What cutting a unit, or asking for tests, must save."""
