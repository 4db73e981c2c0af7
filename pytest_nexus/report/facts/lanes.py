"""The time line of a build: who ran what when, and what waited for what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_nexus.journal.encoding import ALONE_NUMBER, FAIL, VERDICT_OF, worker_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.history.figures.sums import Moment
    from pytest_nexus.history.sqlite.runs import RunSummary
    from pytest_nexus.report.facts.ci_builds import Build
    from pytest_nexus.report.facts.sources import Sources

_MOST_BARS: Final = 100
_MOST_LANES: Final = 64
_MOST_BALANCED: Final = 50


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


def gantt_of(builds: Sequence[Build], sources: Sources) -> Gantt | None:
    """Return the time line of the newest build with attempts; None if there is none."""
    for build in builds:
        lanes = [lane for session in build.sessions for lane in _lanes(session, build, sources)][
            :_MOST_LANES
        ]
        if lanes:
            return _gantt(build, lanes)
    return None


def _gantt(build: Build, lanes: list[tuple[Lane, str, float]]) -> Gantt:
    drawn = [lane for lane, _, _ in lanes]
    wall_s = max(lane.end_s for lane in drawn) - min(lane.start_s for lane in drawn)
    busy_s = sum(lane.busy_s for lane in drawn)
    _, longest, longest_s = max(lanes, key=lambda each: each[2])
    last = max(drawn, key=lambda lane: lane.end_s)
    room_s = wall_s * len(drawn)
    return Gantt(
        build=build.name,
        started_at=build.started_at,
        branch=build.branch,
        commit=build.commit,
        wall_s=wall_s,
        busy_s=busy_s,
        idle_share=max(0.0, 1 - busy_s / room_s) if room_s > 0 else 0.0,
        lower_bound_s=max(longest_s, busy_s / len(drawn)),
        longest_test=longest,
        longest_test_s=longest_s,
        waits_for=" ".join(filter(None, (last.session, last.worker))),
        lanes=tuple(drawn),
    )


def _lanes(session: RunSummary, build: Build, sources: Sources) -> list[tuple[Lane, str, float]]:
    """Return the lanes of one session, each with its longest test and the seconds of that test."""
    run = session.run
    offset_s = run.started_at - build.started_at
    found: dict[str, list[tuple[str, Moment]]] = {}
    for key, moment in sources.figures.time_line(run.run_uid):
        found.setdefault(worker_name(moment.worker) or "", []).append((key, moment))
    job = run.ci.job if run.ci is not None else ""
    name = job if len(build.sessions) > 1 else ""
    return [_lane(name, worker, found[worker], offset_s) for worker in sorted(found)]


def _lane(
    session: str, worker: str, moments: Sequence[tuple[str, Moment]], offset_s: float
) -> tuple[Lane, str, float]:
    start_s = min(each.start_s for _, each in moments)
    end_s = max(each.start_s + each.duration_s for _, each in moments)
    key, longest = max(moments, key=lambda pair: pair[1].duration_s)
    lane = Lane(
        session=session,
        worker=worker,
        start_s=offset_s + start_s,
        end_s=offset_s + end_s,
        busy_s=sum(each.duration_s for _, each in moments),
        n_tests=len({key for key, _ in moments}),
        bars=tuple(_bars(moments, offset_s, (end_s - start_s) / _MOST_BARS)),
    )
    return lane, key, longest.duration_s


def _bars(moments: Sequence[tuple[str, Moment]], offset_s: float, least_s: float) -> list[Bar]:
    """Return stretches of tests; pauses and stretches shorter than `least_s` are joined."""
    bars: list[Bar] = []
    own: list[tuple[str, Moment]] = []
    for key, each in moments:
        if own:
            first, last = own[0][1], own[-1][1]
            pause_s = each.start_s - last.start_s - last.duration_s
            is_long = each.start_s - first.start_s >= least_s
            has_changed = VERDICT_OF[each.outcomes] == FAIL or VERDICT_OF[last.outcomes] == FAIL
            if pause_s >= least_s or (is_long and (has_changed or each.duration_s >= least_s)):
                bars.append(_bar(own, offset_s))
                own = []
        own.append((key, each))
    return [*bars, _bar(own, offset_s)][:_MOST_BARS]


def _bar(own: Sequence[tuple[str, Moment]], offset_s: float) -> Bar:
    last = own[-1][1]
    return Bar(
        start_s=offset_s + own[0][1].start_s,
        end_s=offset_s + last.start_s + last.duration_s,
        n_tests=len(own),
        longest=max(own, key=lambda pair: pair[1].duration_s)[0],
        has_failed=any(VERDICT_OF[each.outcomes] == FAIL for _, each in own),
    )


def balance_of(builds: Sequence[Build], sources: Sources) -> tuple[BalancePoint, ...]:
    """Return how equal the lanes of the newest builds with several lanes were, oldest first."""
    found: list[BalancePoint] = []
    for build in builds:
        if len(found) == _MOST_BALANCED:
            break
        if not build.shards and all(each.run.workers < 2 for each in build.sessions):
            continue
        busy = _busy(build, sources)
        if len(busy) > 1:
            found.append(
                BalancePoint(
                    at=build.started_at,
                    build=build.name,
                    n_lanes=len(busy),
                    longest_s=max(busy),
                    mean_s=sum(busy) / len(busy),
                )
            )
    return tuple(found[::-1])


def _busy(build: Build, sources: Sources) -> list[float]:
    """Return the seconds of tests of each worker, or of each session without workers."""
    found: list[float] = []
    for each in build.sessions:
        if each.run.workers > 1:
            workers = sources.figures.workers(each.run.run_uid)
            found += [one.busy_s for one in workers if one.worker < ALONE_NUMBER]
        else:
            found.append(sources.times[each.run.run_uid].tests_s)
    return found
