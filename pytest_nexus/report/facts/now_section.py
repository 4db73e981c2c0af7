"""The facts of the section Now: how the newest runs went, and what nexus saved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["passed", "failed", "mass failure", "not finished"]


@dataclass(frozen=True, slots=True)
class BranchNow:
    """The newest build of one branch; a build has the sessions of one CI run, or one session."""

    branch: str
    """Empty if no branch is known."""
    verdict: Verdict
    started_at: float
    """Start of its first session; seconds since the epoch."""
    commit: str
    """Full commit id; empty if unknown."""
    n_tests: int
    n_failed: int
    """Tests whose first attempt failed."""
    wall_s: float | None
    """Seconds of the longest session; None if no end was recorded."""
    recent: str
    """The last 20 builds of the branch, oldest first: `.` passed, `F` failed, `M` mass failure, `?`
    not finished."""


@dataclass(frozen=True, slots=True)
class NewFailure:
    """A test that fails at the end of a branch, and since when."""

    key: str
    branch: str
    since: float
    """Start of the first run that failed in this way; seconds since the epoch."""
    commit: str
    """Commit of that run; empty if unknown."""
    n_runs: int
    """Runs that failed in this way since then."""
    exception: str
    message: str
    """First line, masked; empty if unknown."""
    suspects: tuple[str, ...]
    """Files that changed in the first failing run, at most five; those named like the test come
    first."""
    owner: str
    """Who mends the test, by the quarantine file; empty if nobody is named."""


@dataclass(frozen=True, slots=True)
class Saved:
    """Seconds that nexus saved in one week; None for what cannot be known from the history."""

    order_s: float | None
    """How much sooner first failures came than in collection order, over all failing runs."""
    shards_s: float | None
    """Seconds of all sessions of divided builds, minus the longest session of each."""
    workers_s: float | None
    """Seconds of tests minus wall seconds, over the sessions with xdist workers."""
    reruns_s: float | None
    """Seconds of repeated attempts that ran while other workers ran other tests."""
    reuse_s: float | None
    """Expected seconds of tests that were left out because their result was known."""
    selection_s: float | None
    """Expected seconds of tests that were left out as unlikely to fail."""

    @property
    def total_s(self) -> float:
        """The sum of everything that is known."""
        parts = (self.order_s, self.shards_s, self.workers_s, self.reruns_s, self.reuse_s)
        return sum(part or 0.0 for part in (*parts, self.selection_s))


@dataclass(frozen=True, slots=True)
class Week:
    """The big figures of one week."""

    starts_at: float
    """Seconds since the epoch; a Monday, 00:00 UTC."""
    n_runs: int
    n_failed_runs: int
    wall_s: float
    flaky_s: float
    """Seconds of failed or repeated attempts of tests that flaked."""
    red_builds: int
    """Runs that failed although all their finally failing tests were flaky."""
    saved: Saved


@dataclass(frozen=True, slots=True)
class NowFacts:
    """The section Now."""

    branches: tuple[BranchNow, ...]
    """The branch with the newest run first."""
    new_failures: tuple[NewFailure, ...]
    """Newest first, at most 50."""
    n_failing: int
    """Number of all tests that fail at the end of a branch."""
    weeks: tuple[Week, ...]
    """Oldest first, at most 13; the last one is the week of the newest run."""
