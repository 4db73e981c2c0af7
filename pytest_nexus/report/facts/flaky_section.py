"""The facts of the section Flaky and quarantine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FlakyTest:
    """A test that failed, as `nexus flaky --all` lists it."""

    key: str
    status: str
    """`flaky`, `order-dependent`, `broken` or `recovered`."""
    reason: str
    flakes: int
    """Runs in which the test flaked."""
    runs: int
    """Runs that tell how often it flakes."""
    rate: float | None
    """Expected share of runs that flake; None if no run tells."""
    low: float | None
    """Lower end of the 90 % interval."""
    high: float | None
    cost_s: float
    """Seconds of failed or repeated attempts in runs in which the test flaked."""
    reruns: int
    red_builds: int
    first_at: float | None
    """Start of the run with its first flake; None without a flake."""
    first_commit: str
    last_clean_commit: str
    """The last commit before the first flake on which it only passed; empty if unknown."""
    passes: int
    passes_needed: int
    """Passes in a row after which it counts as recovered."""
    owner: str
    """By the quarantine file; empty if nobody is named."""


@dataclass(frozen=True, slots=True)
class SignatureCluster:
    """Flaky failures with the same cause, over all tests."""

    signature: str
    """Empty for failures without a known reason."""
    exception: str
    where: str
    message: str
    count: int
    keys: tuple[str, ...]
    """The tests, at most ten."""
    n_tests: int


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An entry of the quarantine file."""

    id: str
    reason: str
    owner: str
    since: str
    """ISO date."""
    until: str
    """ISO date; empty for no end."""
    days_left: int | None
    """Days to its end, negative for an expired entry; None for no end."""
    issue: str
    n_tests: int
    """Tests of the history that the entry stands for."""
    passes: int | None
    """Passed runs in a row of the test; None for an entry that does not stand for one test."""


@dataclass(frozen=True, slots=True)
class FlakyFacts:
    """The section Flaky and quarantine."""

    tests: tuple[FlakyTest, ...]
    """The most expensive first."""
    counts: tuple[tuple[str, int], ...]
    """Number of tests of each status."""
    cost_s: float
    clusters: tuple[SignatureCluster, ...]
    """Most frequent first, at most 50."""
    quarantine: tuple[Quarantined, ...]
    """The entry that ends first comes first."""
    note: str
    """What is missing, and how to get it; empty if nothing is missing."""
