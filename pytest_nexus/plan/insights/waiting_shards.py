"""Shards that wait for the slowest one, and jobs that are repeated as a whole. Pure."""

from __future__ import annotations

from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.wording import percent, seconds
from pytest_nexus.plan.insights.finding import MIN_RUNS, MIN_SAVED_S, Finding

if TYPE_CHECKING:
    from pytest_nexus.plan.insights.finding import Seen, SeenRun

_LEAST_SHARE: Final = 0.2
_LEAST_REPEATS: Final = 3


def waiting_shards(seen: Seen) -> list[Finding]:
    """Return how much sooner CI runs would end if all of their jobs took equally long.

    Only jobs of one environment are compared, since jobs of other environments are no shards.
    """
    waits, shares, n_shards = [], [], []
    for jobs in _jobs(seen).values():
        durations = [job.duration_s for job in jobs if job.ci_attempt == 1]
        tests = [set(job.tests) for job in jobs if job.ci_attempt == 1]
        if len(durations) < 2 or set.intersection(*tests):
            continue  # jobs with the same tests are no shards
        wait = max(durations) - sum(durations) / len(durations)
        waits.append(wait)
        shares.append(wait / max(durations))
        n_shards.append(len(durations))
    if len(waits) < MIN_RUNS or median(waits) < MIN_SAVED_S or median(shares) < _LEAST_SHARE:
        return []
    return [
        Finding(
            "shards",
            "shards wait for the slowest one",
            median(waits),
            f"{percent(median(shares), 0)} of the wall time, in {len(waits)} CI runs",
            "let nexus divide the tests by their durations",
            f"nexus plan --shards {max(n_shards)}",
        )
    ]


def repeated_jobs(seen: Seen) -> list[Finding]:
    """Return the seconds of jobs that were repeated as a whole and then passed."""
    repeated = []
    for jobs in _jobs(seen).values():
        by_job: dict[str, list[SeenRun]] = defaultdict(list)
        for job in jobs:
            by_job[job.ci_job].append(job)
        for attempts in by_job.values():
            last = max(attempts, key=lambda job: job.ci_attempt)
            if last.ci_attempt > 1 and not any(test.has_failed for test in last.tests.values()):
                repeated.append(last.duration_s)
    n_runs = len(seen.runs)
    if n_runs < MIN_RUNS or len(repeated) < _LEAST_REPEATS or sum(repeated) / n_runs < MIN_SAVED_S:
        return []
    return [
        Finding(
            "repeated jobs",
            "whole jobs are repeated, and pass then",
            sum(repeated) / n_runs,
            f"{len(repeated)} jobs, {seconds(sum(repeated))}",
            "let the session repeat failed tests alone, by this line of the ini file",
            "nexus_reruns = 2",
        )
    ]


def _jobs(seen: Seen) -> dict[tuple[str, str], list[SeenRun]]:
    found: dict[tuple[str, str], list[SeenRun]] = defaultdict(list)
    for run in seen.runs:
        if run.ci_run:
            found[run.ci_run, run.environment].append(run)
    return found
