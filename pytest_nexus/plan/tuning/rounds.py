"""The values that the simulation reads: past rounds of a suite, settings, and prices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.median import lower_median

if TYPE_CHECKING:
    from array import array
    from collections.abc import Sequence

AUTO: Final = 0
"""Stands for a number of shards that `nexus plan` chooses by a target."""

RECENT: Final = 10
"""Newest rounds that show what is usual now."""

JOB_START_S: Final = 45.0
"""Assumed seconds of a job before pytest starts: the runner, the checkout and the installation."""

PRICE: Final = 0.006
"""Price of a minute: what GitHub lists for Linux with two cores, in US dollars."""


class Flake(NamedTuple):
    """One test whose first attempt failed in a round, with its repeated attempts."""

    test: int
    repeats_s: tuple[float, ...]
    """Seconds of each repeated attempt, in their order."""
    passed_at: int
    """Number of the repeated attempt that passed, from 1; 0 if none passed."""


class Round(NamedTuple):
    """All jobs that ran one suite once, in one environment."""

    run_uid: str
    """Of the first session."""
    started_at: float
    """Start of the first session; seconds since the epoch."""
    tests: tuple[int, ...]
    """Numbers of the tests that ran, ascending."""
    seconds: array[float]
    """Seconds of the first attempt of each of these tests."""
    jobs: int = 1
    """Number of sessions."""
    start_s: float = 0.0
    """Seconds of a session before its first test: start of pytest and collection."""
    apart_s: float = 0.0
    """Seconds between the first and the last start of a session."""
    workers: int = 0
    """xdist workers of each session; 0 without xdist."""
    cores: int | None = None
    """Logical cores of the machine; None if unknown."""
    busy: float | None = None
    """Processor seconds for each second of a test; None if unknown."""
    flakes: tuple[Flake, ...] = ()


class Setting(NamedTuple):
    """One way to carry out a round."""

    shards: int = 1
    """Number of jobs; `AUTO` for the fewest that meet the target."""
    target_s: float = 300.0
    """With `AUTO`: seconds that a shard may take, without the start of its job."""
    max_shards: int = 10
    """With `AUTO`: no more shards than these."""
    workers: int = 1
    """Processes that run tests in each job."""
    select: str = "off"
    """`off`, or `confidence:99%`."""
    reruns: str = "adaptive"
    """`adaptive`, or the most reruns of a failed test."""
    rerun_budget: str = "5%"
    """As `nexus_rerun_budget`."""


class SeenRuns(NamedTuple):
    """What the newest rounds show of the settings."""

    jobs: int = 1
    workers: int = 1
    """Processes that run tests in each job."""
    cores: int | None = None
    """Logical cores of a job; None if unknown."""


def seen_in(rounds: Sequence[Round], cores: int | None = None) -> SeenRuns:
    """Return what the newest rounds show; `cores` counts before what they say."""
    newest = rounds[-RECENT:]
    if not newest:
        return SeenRuns(cores=cores)
    known = [each.cores for each in newest if each.cores is not None]
    if cores is None and known:
        cores = int(lower_median(known))
    jobs = int(lower_median(each.jobs for each in newest))
    return SeenRuns(jobs, max(1, int(lower_median(each.workers for each in newest))), cores)


class Prices(NamedTuple):
    """What a job costs beside its tests."""

    job_start_s: float = JOB_START_S
    per_minute: float = PRICE
    is_rounded_up: bool = True
    """Whether each job is billed in whole minutes."""
    cores: int | None = None
    """Logical cores of a job; None if they are unknown."""
    machine: str = "hosted"
    """Class of the machine, as in `pytest_nexus.energy`."""


class Outcome(NamedTuple):
    """The figures of one round with one setting."""

    wall_s: float
    """Seconds from the start of the first job to the end of the last one."""
    machine_minutes: float
    money: float
    energy_wh: float
    misses: float = 0.0
    """1 if tests failed and none of the failing tests would have run; else 0."""
