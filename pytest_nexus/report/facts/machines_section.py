"""The facts of the sections Infrastructure and Energy."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Final, Literal

from pytest_nexus.domain.median import lower_median
from pytest_nexus.domain.wording import counted
from pytest_nexus.energy.power import CLASSES, DEFAULT_CLASS, WH_PER_KWH
from pytest_nexus.energy.run_energy import RunWork, run_energy
from pytest_nexus.record.limited_by import REUSE
from pytest_nexus.report.facts.ci_builds import builds_of
from pytest_nexus.report.facts.lanes import balance_of, gantt_of
from pytest_nexus.report.facts.sources import week_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_nexus.history.sqlite.runs import RunSummary
    from pytest_nexus.report.facts.lanes import BalancePoint, Gantt
    from pytest_nexus.report.facts.sources import Sources

MachineKind = Literal["job", "Python", "platform", "workers"]

_MOST_NAMES: Final = 20
_MOST_PENDING: Final = 10
_LOST: Final = frozenset({"refused", "failed"})
_CRASH: Final = "WorkerCrash"


@dataclass(frozen=True, slots=True)
class GroupTime:
    """The sessions of one kind of machine."""

    kind: MachineKind
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
    """The section Energy: estimates, and only of runs whose processor time is known."""

    wh_by_week: tuple[tuple[float, float], ...] = ()
    """Start of the week and watt hours, oldest first."""
    wh_by_run: tuple[tuple[float, float], ...] = ()
    """Start of the run and watt hours, oldest first."""
    note: str = "No run has recorded its processor time."
    """How the figures come about, or why there are none."""


def energy_facts(sources: Sources) -> EnergyFacts:
    """Return the facts of the section Energy, for the default class of machines."""
    kind = CLASSES[DEFAULT_CLASS]
    runs: list[tuple[float, float]] = []
    for each in reversed(sources.runs):
        run, tests_s = each.run, sources.times[each.run.run_uid].tests_s
        work = RunWork(run.duration_s, tests_s, run.workers, run.cpu_s, run.cores)
        found = run_energy(kind, work, None) if work.is_measured else None
        if found is not None:
            runs.append((run.started_at, found.footprint.kwh * WH_PER_KWH))
    if not runs:
        return EnergyFacts()
    weeks: dict[float, float] = {}
    for at, wh in runs:
        weeks[week_of(at)] = weeks.get(week_of(at), 0.0) + wh
    return EnergyFacts(
        tuple(sorted(weeks.items())),
        tuple(sorted(runs)),
        f"Estimates by the class {kind.name} of machines, from the processor time of"
        f" {counted(len(runs), 'run')} ({kind.source}). `nexus green report` also gives grams,"
        " and what was saved.",
    )


def machines_facts(sources: Sources) -> MachinesFacts:
    """Return the facts of the section."""
    builds = builds_of(sources.runs)
    reusing = [each for each in sources.runs if REUSE in each.run.selected_by]
    times = sources.times.values()
    return MachinesFacts(
        gantt=gantt_of(builds, sources),
        balance=balance_of(builds, sources),
        groups=tuple(_groups(sources)),
        rerun_s=sum(each.rerun_s for each in times),
        n_reruns=sum(each.n_reruns for each in sources.runs),
        tests_s=sum(each.tests_s for each in times),
        reused_tests=sum(_left(each) for each in reusing),
        reusable_tests=sum(each.run.n_collected or 0 for each in reusing),
        reliability=_reliability(sources),
    )


def _left(each: RunSummary) -> int:
    return max(0, (each.run.n_collected or 0) - (each.run.n_selected or 0))


def _groups(sources: Sources) -> Iterator[GroupTime]:
    """Yield the sums of each kind of machine that has more than one name, or the only name."""
    kinds: dict[MachineKind, Callable[[RunSummary], str]] = {
        "job": lambda each: each.run.ci.job if each.run.ci is not None else "",
        "Python": lambda each: ".".join(each.run.python.split(".")[:2]),
        "platform": lambda each: each.run.platform,
        "workers": lambda each: str(each.run.workers),
    }
    for kind, name_of in kinds.items():
        found: dict[str, list[RunSummary]] = {}
        for each in sources.runs:
            found.setdefault(name_of(each), []).append(each)
        ranked = sorted(found.items(), key=lambda pair: (-len(pair[1]), pair[0]))
        for name, own in ranked[:_MOST_NAMES]:
            walls = [each.run.duration_s for each in own if each.run.duration_s is not None]
            yield GroupTime(
                kind=kind,
                name=name or "unknown",
                n_runs=len(own),
                median_wall_s=lower_median(walls) if walls else 0.0,
                mean_tests_s=fmean(sources.times[each.run.run_uid].tests_s for each in own),
                failed_share=fmean(each.n_failed > 0 for each in own),
            )


def _reliability(sources: Sources) -> Reliability:
    own = [each.run for each in sources.runs if each.run.source == "journal"]
    notes = list(sources.figures.artifacts())
    bad = [(repository, reason) for repository, status, reason in notes if status in _LOST]
    crashed = (
        failed.exception == _CRASH for found in sources.failed.values() for _, failed in found
    )
    return Reliability(
        crashed_workers=sum(crashed),
        unfinished_runs=sum(each.exit_status is None for each in own),
        incomplete_runs=sum(each.exit_status is not None and not each.complete for each in own),
        refused_artifacts=tuple(sorted(Counter(status for _, status, _ in notes).items())),
        pending=tuple(bad[:_MOST_PENDING]),
    )
