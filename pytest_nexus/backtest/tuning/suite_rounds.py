"""Read the rounds of a suite from a history: the shards of one CI run count as one round."""

from __future__ import annotations

from array import array
from collections import Counter
from math import fsum
from statistics import fmean, median
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.journal.encoding import FAIL, PASS, VERDICT_OF
from pytest_nexus.plan.tuning.rounds import Flake, Round
from pytest_nexus.report.facts.ci_builds import PARTS

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    from pytest_nexus.history.figures.all_figures import Figures
    from pytest_nexus.history.figures.sums import TimedAttempt
    from pytest_nexus.history.sqlite.runs import RunSummary
    from pytest_nexus.history.store import History

_WHOLE: Final = 0.5
"""A round with a smaller share of the usual number of tests is a part of the suite."""

_LEAST_TESTS_S: Final = 1.0
"""Shorter rounds do not show how busy their tests keep a processor."""


class SuiteRounds(NamedTuple):
    """The rounds of the suite in the environment that ran most of them."""

    rounds: list[Round]
    """In time order."""
    names: Mapping[int, str]
    """Key of each test, by its number."""
    sessions: list[tuple[str, ...]]
    """The run_uids of each round."""
    failing: list[bool]
    """Whether a test of each round failed and never passed."""
    environment: str
    left: Mapping[str, int]
    """Runs that are not among them: their number for each reason, a clause after the number."""

    @property
    def n_left(self) -> int:
        """Return the number of runs that are not among them."""
        return sum(self.left.values())


class _Session(NamedTuple):
    summary: RunSummary
    attempts: list[TimedAttempt]


def rounds_of(
    history: History,
    n_runs: int,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> SuiteRounds:
    """Return the rounds among the newest runs, without parts of the suite and mass failures.

    Args:
        history: with attempts.
        n_runs: number of the newest runs to read.
        progress: receives the number of runs read, and of all runs.
    """
    figures = history.figures(n_runs)
    newest = figures.runs
    left = Counter(filter(None, map(_why_not, newest)))
    sound = [each for each in reversed(newest) if not _why_not(each)]
    environments = Counter(each.run.environment for each in sound)
    usual = max(environments, key=environments.__getitem__, default="")
    groups: dict[Hashable, list[RunSummary]] = {}
    for each in sound:
        if each.run.environment == usual:
            groups.setdefault(_round_of(each), []).append(each)
    typical = median([sum(each.n_tests for each in group) for group in groups.values()] or [0])
    kept = [
        group
        for group in groups.values()
        if sum(each.n_tests for each in group) >= max(_WHOLE * typical, 1)
    ]
    found = _read(figures, kept, progress)
    if others := len(sound) - environments[usual]:
        left[f"outside of {usual or 'an unknown environment'}"] = others
    if small := environments[usual] - sum(map(len, kept)):
        left["with less than half of the usual tests"] = small
    return found._replace(environment=usual, left=left)


def _read(
    figures: Figures, groups: Sequence[Sequence[RunSummary]], progress: Callable[[int, int], None]
) -> SuiteRounds:
    rounds, sessions, failing = [], [], []
    same: dict[tuple[int, ...], tuple[int, ...]] = {}
    for number, group in enumerate(groups, 1):
        jobs = [_Session(each, figures.attempts_of(each.run.run_uid)) for each in group]
        made, has_failed = _round(jobs)
        # Most rounds have the same tests, which are then kept once.
        rounds.append(made._replace(tests=same.setdefault(made.tests, made.tests)))
        sessions.append(tuple(each.run.run_uid for each in group))
        failing.append(has_failed)
        progress(number, len(groups))
    return SuiteRounds(rounds, figures.keys, sessions, failing, "", {})


def _why_not(summary: RunSummary) -> str:
    """Return why a run did not run its whole suite, or its whole shard of it; empty if it did."""
    run = summary.run
    if limits := sorted(set(run.selected_by) - PARTS):
        return f"of a part of the suite ({', '.join(limits)})"
    if run.source == "durations":
        return "with durations only"
    if summary.mass_failure:
        return "with a mass failure"
    return "" if run.complete else "that did not finish"


def _round_of(summary: RunSummary) -> Hashable:
    """Return the same value for all shards of one CI run, and for no other run."""
    run = summary.run
    if run.ci is None or not run.selected_by:
        return run.run_uid
    return (run.ci.provider, run.ci.workflow, run.ci.run_id, run.ci.run_attempt)


def _round(jobs: Sequence[_Session]) -> tuple[Round, bool]:
    by_test: dict[int, list[TimedAttempt]] = {}
    for job in jobs:
        for each in job.attempts:
            by_test.setdefault(each.test_id, []).append(each)
    tests = tuple(sorted(by_test))
    flakes = [_flake(test, by_test[test]) for test in tests if _failed(by_test[test][0])]
    starts = [job.summary.run.started_at for job in jobs]
    runs = [job.summary.run for job in jobs]
    made = Round(
        runs[0].run_uid,
        min(starts),
        tests,
        array("d", [by_test[test][0].duration_us / 1e6 for test in tests]),
        len(jobs),
        fmean(map(_beside_s, jobs)),
        max(starts) - min(starts),
        max(run.workers for run in runs),
        min((run.cores for run in runs if run.cores is not None), default=None),
        _busy(jobs),
        tuple(flakes),
    )
    return made, any(not each.passed_at for each in flakes)


def _failed(attempt: TimedAttempt) -> bool:
    return bool(VERDICT_OF[attempt.outcomes] & FAIL)


def _flake(test: int, attempts: Sequence[TimedAttempt]) -> Flake:
    repeated = attempts[1:]
    passed = (at for at, each in enumerate(repeated, 1) if VERDICT_OF[each.outcomes] == PASS)
    return Flake(test, tuple(each.duration_us / 1e6 for each in repeated), next(passed, 0))


def _beside_s(job: _Session) -> float:
    """Return the seconds of a session in which no test ran: start, collection and end."""
    run, attempts = job.summary.run, job.attempts
    if not attempts:
        return run.duration_s or 0.0
    first_s = min(each.start_us for each in attempts) / 1e6
    if run.duration_s is None:
        return first_s
    if run.workers <= 1:
        return max(0.0, run.duration_s - _seconds(attempts))
    last_s = max(each.start_us + each.duration_us for each in attempts) / 1e6
    return first_s + max(0.0, run.duration_s - last_s)


def _busy(jobs: Iterable[_Session]) -> float | None:
    """Return the processor seconds for each second of a test, at most 1; None if unknown."""
    cpu_s, tests_s = 0.0, 0.0
    for job in jobs:
        run = job.summary.run
        if run.cpu_s is None or run.cpu_collect_s is None:
            return None
        cpu_s += max(0.0, run.cpu_s - run.cpu_collect_s)
        tests_s += _seconds(job.attempts)
    return min(1.0, cpu_s / tests_s) if tests_s >= _LEAST_TESTS_S else None


def _seconds(attempts: Iterable[TimedAttempt]) -> float:
    return fsum(each.duration_us for each in attempts) / 1e6
