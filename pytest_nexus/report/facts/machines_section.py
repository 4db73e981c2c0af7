"""The facts of the sections Infrastructure and Energy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of time in which a worker ran tests without a pause."""

    start_s: float
    """Seconds since the start of the build."""
    end_s: float
    n_tests: int
    longest: str
    """Key of the longest test in it."""
    has_failed: bool


@dataclass(frozen=True, slots=True)
class Lane:
    """One worker of one session in a build, or a session without workers."""

    session: str
    """Job or shard; empty if there is one session."""
    worker: str
    """`gw0`; empty without xdist."""
    start_s: float
    end_s: float
    busy_s: float
    """Seconds of its tests."""
    n_tests: int
    bars: tuple[Bar, ...]
    """At most 100."""


@dataclass(frozen=True, slots=True)
class Gantt:
    """Who ran what when in one build."""

    build: str
    """Id of the CI run, or run_uid."""
    started_at: float
    branch: str
    commit: str
    wall_s: float
    """From the first start to the last end."""
    busy_s: float
    """Seconds of all tests."""
    idle_share: float
    """Share of the lanes' time, up to the end of the build, in which no test ran."""
    lower_bound_s: float
    """No division into these lanes can take less: the longest test, or an equal share."""
    longest_test: str
    longest_test_s: float
    waits_for: str
    """The lane that ends last: session and worker."""
    lanes: tuple[Lane, ...]


@dataclass(frozen=True, slots=True)
class BalancePoint:
    """How equal the lanes of one build were."""

    at: float
    build: str
    n_lanes: int
    longest_s: float
    mean_s: float
    """Mean seconds of tests over its lanes; `longest_s / mean_s` is 1 for a perfect division."""


@dataclass(frozen=True, slots=True)
class GroupTime:
    """The sessions of one kind of machine."""

    kind: Literal["job", "Python", "platform", "workers"]
    name: str
    n_runs: int
    median_wall_s: float
    mean_tests_s: float
    failed_share: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """What went wrong around the tests."""

    crashed_workers: int
    """Attempts that ended because their worker died."""
    unfinished_runs: int
    """Runs of which no end was recorded: the session was killed, or its journal is damaged."""
    incomplete_runs: int
    """Runs with an end in which some selected test did not run to its end."""
    refused_artifacts: tuple[tuple[str, int], ...]
    """Status and number of the artifacts of a CI that were not taken in."""
    pending: tuple[tuple[str, str], ...]
    """Repository and reason of the last refusals, at most ten."""


@dataclass(frozen=True, slots=True)
class MachinesFacts:
    """The section Infrastructure."""

    gantt: Gantt | None
    """The newest build with outcomes."""
    balance: tuple[BalancePoint, ...]
    """Oldest first, builds with several lanes, at most 50."""
    groups: tuple[GroupTime, ...]
    rerun_s: float
    """Seconds of attempts after the first."""
    n_reruns: int
    tests_s: float
    """Seconds of all attempts; `rerun_s` is part of it."""
    reused_tests: int
    """Results that were taken from an earlier run instead of running the test."""
    reusable_tests: int
    """Tests collected in the runs that could reuse results."""
    reliability: Reliability


@dataclass(frozen=True, slots=True)
class EnergyFacts:
    """The section Energy: nothing is recorded yet."""

    kwh_by_week: tuple[tuple[float, float], ...] = ()
    """Start of the week and kilowatt hours."""
    note: str = "The history does not record energy."
