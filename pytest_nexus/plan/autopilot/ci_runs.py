"""The figures of one run of a CI, by which a setting is judged."""

from __future__ import annotations

from typing import NamedTuple


class CIRunFigures(NamedTuple):
    """All jobs of one run of a CI together: of the first attempt, and of trusted jobs alone."""

    run_id: str
    """As the CI names the run."""
    started_at: float
    """When the first job started; seconds since the epoch."""
    wall_s: float
    """Seconds from the start of the first session to the end of the last one."""
    machine_s: float
    """Seconds of all sessions together."""
    has_failed: bool
    """Whether a test failed for good."""
    has_missed: bool
    """Whether a selection would have missed the failing tests."""
    has_flaked: bool
    """Whether a test was repeated."""
    is_finished: bool
    """Whether every session ran to its end."""
