"""When attempts of a run began, and how long they took, where a test changes the time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.system import clock

if TYPE_CHECKING:
    import pytest

    from pytest_nexus.record.open_attempt import OpenAttempt

LONG_S: Final = 1.0
"""Longer phases, in seconds, are compared with the clock: a test may have frozen its time."""

_SKEW_S: Final = 1.0
"""Largest plausible difference, in seconds, between the wall clock and the duration counter."""


class RunClock:
    """The time since a run started, by the counter and by the wall clock of this process.

    Attributes:
        started_at: start of the run by the wall clock, which also stamps the reports; seconds
            since the epoch.
    """

    def __init__(self) -> None:
        """Start the run now."""
        self._counter = clock.perf_counter
        self._started = self._counter()
        self.started_at = clock.time()

    def elapsed_s(self) -> float:
        """Return the seconds since the start of the run."""
        return self._counter() - self._started

    def start_of(self, report: pytest.TestReport) -> float:
        """Return when the phase of a report began, in seconds from the start of the run.

        That is now if a frozen clock or the clock of another machine stamped the report.
        """
        started_s: float = getattr(report, "start", 0.0) - self.started_at
        elapsed_s = self.elapsed_s()
        if not -_SKEW_S <= started_s <= elapsed_s + _SKEW_S:
            return elapsed_s
        return min(started_s, elapsed_s)  # the two clocks of one machine differ by a little

    def checked(self, duration_s: float, attempt: OpenAttempt) -> float:
        """Return the seconds of a phase, by our own clock if the test falsified the other."""
        elapsed_s = self.elapsed_s()
        if 0.0 <= duration_s <= elapsed_s:
            return duration_s
        return max(0.0, elapsed_s - attempt.started_s - attempt.duration_s)
