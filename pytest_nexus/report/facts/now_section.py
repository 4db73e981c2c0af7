"""The facts of the section Now: how the newest runs went, and what nexus saved."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.records import BAD
from pytest_nexus.plan.flakiness.outcomes import prove
from pytest_nexus.record.limited_by import REUSE
from pytest_nexus.report.facts.ci_builds import CELL_OF_VERDICT, builds_of
from pytest_nexus.report.facts.sources import week_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.history.figures.ends import End
    from pytest_nexus.history.sqlite.runs import RunSummary
    from pytest_nexus.report.facts.ci_builds import Build, Verdict
    from pytest_nexus.report.facts.sources import Sources

COLLECTION: Final = "collection order"
SELECTION: Final = "nexus-unlikely"
"""Among the names of `selected_by`: tests that are unlikely to fail were left out."""

_MOST_NEW: Final = 50
_MOST_BRANCHES: Final = 30
_MOST_WEEKS: Final = 13
_RECENT: Final = 20
_MOST_SUSPECTS: Final = 5
_WORD: Final = re.compile(r"[a-z]{3,}")


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
    reuse_s: float | None
    """Expected seconds of tests that were left out because their result was known."""
    selection_s: float | None
    """Expected seconds of tests that were left out as unlikely to fail."""

    @property
    def total_s(self) -> float:
        """The sum of everything that is known."""
        parts = (self.order_s, self.shards_s, self.workers_s, self.reuse_s, self.selection_s)
        return sum(part or 0.0 for part in parts)


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


def now_facts(sources: Sources) -> NowFacts:
    """Return the facts of the section."""
    builds = builds_of(sources.runs)
    ends = sorted(sources.ends, key=lambda each: (-each.since.started_at, each.since.key))
    return NowFacts(
        branches=_branches(builds),
        new_failures=tuple(_new_failure(each, sources) for each in ends[:_MOST_NEW]),
        n_failing=len(ends),
        weeks=_weeks(builds, sources),
    )


def _branches(builds: Sequence[Build]) -> tuple[BranchNow, ...]:
    found: dict[str, list[Build]] = {}
    for build in builds:
        found.setdefault(build.branch, []).append(build)
    return tuple(
        BranchNow(
            branch=branch,
            verdict=own[0].verdict,
            started_at=own[0].started_at,
            commit=own[0].commit,
            n_tests=own[0].n_tests,
            n_failed=own[0].n_failed,
            wall_s=own[0].wall_s,
            recent="".join(CELL_OF_VERDICT[each.verdict] for each in own[:_RECENT][::-1]),
        )
        for branch, own in list(found.items())[:_MOST_BRANCHES]
    )


def _new_failure(end: End, sources: Sources) -> NewFailure:
    since = end.since
    return NewFailure(
        key=since.key,
        branch=since.branch,
        since=since.started_at,
        commit=since.commit or "",
        n_runs=since.runs,
        exception=end.exception,
        message=end.message,
        suspects=_suspects(end, sources),
        owner=sources.owner_of(since.key),
    )


def _suspects(end: End, sources: Sources) -> tuple[str, ...]:
    """Return the changed files of the first failing run, those named like the test first."""
    runs = (each.run for each in sources.runs if each.run.run_uid == end.run_uid)
    words = set(_WORD.findall(end.since.key.lower()))
    paths = [file.path for run in runs for file in run.change.files]

    def strangeness(path: str) -> tuple[int, str]:
        return (-len(words & set(_WORD.findall(path.lower()))), path)

    return tuple(sorted(paths, key=strangeness)[:_MOST_SUSPECTS])


def _weeks(builds: Sequence[Build], sources: Sources) -> tuple[Week, ...]:
    found: dict[float, list[Build]] = {}
    for build in builds:
        found.setdefault(week_of(build.started_at), []).append(build)
    flaky = _flaky_cost(sources)
    starts = sorted(found)[-_MOST_WEEKS:]
    return tuple(
        Week(
            starts_at=start,
            n_runs=sum(len(each.sessions) for each in found[start]),
            n_failed_runs=sum(_failed_sessions(each) for each in found[start]),
            wall_s=sum(_wall(each) for build in found[start] for each in build.sessions),
            flaky_s=flaky.get(start, 0.0),
            saved=_saved(found[start], sources),
        )
        for start in starts
    )


def _failed_sessions(build: Build) -> int:
    return sum(each.n_failed > 0 for each in build.sessions)


def _wall(each: RunSummary) -> float:
    return each.run.duration_s or 0.0


def _flaky_cost(sources: Sources) -> dict[float, float]:
    """Return the seconds of flakes by week, as `nexus flaky` adds them up over all weeks."""
    found: dict[float, float] = {}
    flaked = (one for one in sources.flakiness if one.flakes)
    counting = {one.key for one in flaked if one.status != "order-dependent"}
    for key, seen in sources.seen.items():
        if key not in counting:
            continue
        for each, proof in zip(seen, prove(seen), strict=True):
            if proof == "flake":
                spent = sum(a.duration_s for a in each.attempts if a.number > 1 or a.outcome in BAD)
                found[week_of(each.at)] = found.get(week_of(each.at), 0.0) + spent
    return found


def _saved(builds: Sequence[Build], sources: Sources) -> Saved:
    uids = {each.run.run_uid for build in builds for each in build.sessions}
    known = [each.quality for each in sources.qualities if each.run_uid in uids]
    gains = [
        each.orders[COLLECTION][1] - each.first_failure_s
        for each in known
        if each.first_failure_s is not None and COLLECTION in each.orders
    ]
    return Saved(
        order_s=sum(gains) if gains else None,
        shards_s=_by_shards(builds),
        workers_s=_by_workers(builds, sources),
        reuse_s=_left(builds, sources, REUSE),
        selection_s=_left(builds, sources, SELECTION),
    )


def _by_shards(builds: Sequence[Build]) -> float | None:
    parts = [
        sum(walls) - max(walls)
        for build in builds
        for shards in build.shards
        if (walls := [_wall(each) for each in shards])
    ]
    return sum(parts) if parts else None


def _by_workers(builds: Sequence[Build], sources: Sources) -> float | None:
    parts = [
        max(0.0, sources.times[each.run.run_uid].tests_s - each.run.duration_s)
        for build in builds
        for each in build.sessions
        if each.run.workers > 1 and each.run.duration_s is not None
    ]
    return sum(parts) if parts else None


def _left(builds: Sequence[Build], sources: Sources, name: str) -> float | None:
    """Return the expected seconds of tests that the runs with a name in `selected_by` left out."""
    uids = {
        each.run.run_uid
        for build in builds
        for each in build.sessions
        if name in each.run.selected_by
    }
    parts = [each.quality.left_s for each in sources.qualities if each.run_uid in uids]
    return sum(parts) if parts else None
