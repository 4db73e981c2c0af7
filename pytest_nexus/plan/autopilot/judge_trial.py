"""Judge an experiment by its runs: go on, adopt, reject, or stop."""

from __future__ import annotations

from math import exp, log
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from pytest_nexus.plan.autopilot.arms import tries
from pytest_nexus.plan.autopilot.betting import (
    LONG,
    SHORT,
    WINDOW,
    Coin,
    Dealt,
    Memory,
    after,
    effect_interval,
    relative_score,
    start,
)
from pytest_nexus.plan.autopilot.guards import GUARD_ODDS, GUARDS, DealtRun

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.plan.autopilot.ci_runs import CIRunFigures
    from pytest_nexus.plan.autopilot.setting_records import Experiment

ODDS: Final = 20.0
"""A value is adopted at this capital: with a probability of at most 5 % if it is no gain."""

LEAST_IN_ARM: Final = 5
"""Runs of each value before a value is adopted, so that no decision rests on a handful."""

MOST_RUNS: Final = 120
"""Runs after which a trial ends without a result: about two weeks of a small team."""

WATCHED_RUNS: Final = 60
"""Runs after which an adopted value is no longer watched."""

Verdict = Literal["open", "better", "worse", "guard", "no result"]


class Judgement(NamedTuple):
    """What the runs of an experiment say so far."""

    verdict: Verdict
    n_new: int
    """Runs with the new value."""
    n_before: int
    """Runs with the value before."""
    for_odds: float
    """The evidence that the new value is better is this many to one."""
    against_odds: float
    """The same that it is worse."""
    change: float | None
    """Relative change of the goal: typical run with the new value over typical run without, minus
    1; for `missed` the difference of the rates. None without runs of both values."""
    interval: tuple[float, float] | None
    """Interval of 90 % of the relative change, valid at any time; None for `missed`. It excludes 0
    when one side has reached 20 to 1, so it agrees with the verdict."""
    guard: str = ""
    """The guard that broke."""


class _Progress(NamedTuple):
    better: tuple[float, ...]
    worse: tuple[float, ...]
    guards: tuple[tuple[float, ...], ...]
    n_new: int = 0
    n_before: int = 0


def goal_value(goal: str, run: CIRunFigures) -> float:
    """Return the figure of a run that is to fall."""
    values = {"wall": run.wall_s, "machine": run.machine_s, "missed": float(run.has_missed)}
    return values[goal]


def judge(
    experiment: Experiment,
    runs: Sequence[CIRunFigures],
    *,
    trial: Experiment | None = None,
    with_interval: bool = True,
) -> Judgement:
    """Return the first verdict that the runs reach, in time order; so later runs change nothing.

    Args:
        experiment: the experiment.
        runs: all runs in time order, those before the experiment too: durations are compared
            with earlier ones.
        trial: for a watch, the trial before it, which says what value each earlier run got.
        with_interval: whether the interval is computed, which takes most of the time.
    """
    dealt = [_dealt(run, experiment, trial) for run in runs]
    first = next(
        (at for at, run in enumerate(runs) if run.started_at > experiment.began_at), len(runs)
    )
    progress = _Progress(start(), start(), (start(),) * len(GUARDS))
    verdict: Verdict = "open"
    guard = ""
    end = first
    while end < len(runs) and verdict == "open":
        progress = _advance(progress, experiment, dealt[end], dealt[max(0, end - WINDOW) : end])
        end += 1
        verdict, guard = _verdict(progress, experiment)
    change, interval = _effect(experiment, dealt, first, end, with_interval=with_interval)
    odds = (sum(progress.better), sum(progress.worse))
    return Judgement(verdict, progress.n_new, progress.n_before, *odds, change, interval, guard)


def _dealt(run: CIRunFigures, experiment: Experiment, trial: Experiment | None) -> DealtRun:
    if run.started_at > experiment.began_at:
        is_new = tries(run.run_id, experiment)
    else:
        is_new = trial is not None and run.started_at > trial.began_at and tries(run.run_id, trial)
    goal = Dealt.of(goal_value(experiment.goal, run), is_new)
    return DealtRun(run, is_new, goal, Dealt.of(run.machine_s, is_new, experiment.cost_limit))


def _advance(
    progress: _Progress, experiment: Experiment, dealt: DealtRun, earlier: Sequence[DealtRun]
) -> _Progress:
    run = dealt.run
    coin = Coin(dealt.is_new, experiment.share)
    score = _goal_score(experiment, dealt, earlier) if run.is_finished else 0.0
    scores = [
        guard.score(dealt, earlier, experiment.share, _memory(experiment))
        if run.is_finished or guard.name == "rate of unfinished runs" else 0.0
        for guard in GUARDS
    ]  # fmt: skip
    return _Progress(
        after(progress.better, coin, -score),
        after(progress.worse, coin, score),
        tuple(after(one, coin, each) for one, each in zip(progress.guards, scores, strict=True)),
        progress.n_new + coin.is_new,
        progress.n_before + (not coin.is_new),
    )


def _goal_score(experiment: Experiment, dealt: DealtRun, earlier: Sequence[DealtRun]) -> float:
    if experiment.goal == "missed":
        return float(dealt.run.has_missed)
    past = [each.goal for each in earlier]
    return relative_score(dealt.goal, past, experiment.share, _memory(experiment))


def _memory(experiment: Experiment) -> Memory:
    return SHORT if experiment.phase == "watch" else LONG


def _verdict(progress: _Progress, experiment: Experiment) -> tuple[Verdict, str]:
    for guard, capital in zip(GUARDS, progress.guards, strict=True):
        if sum(capital) >= GUARD_ODDS:
            return "guard", guard.name
    if sum(progress.worse) >= ODDS:
        return "worse", ""
    is_enough = min(progress.n_new, progress.n_before) >= LEAST_IN_ARM
    if sum(progress.better) >= ODDS and is_enough:
        return "better", ""
    most = MOST_RUNS if experiment.phase == "trial" else WATCHED_RUNS
    return ("no result" if progress.n_new + progress.n_before >= most else "open"), ""


def _effect(
    experiment: Experiment,
    runs: Sequence[DealtRun],
    first: int,
    end: int,
    *,
    with_interval: bool,
) -> tuple[float | None, tuple[float, float] | None]:
    judged = [each for each in runs[first:end] if each.run.is_finished]
    new = [goal_value(experiment.goal, each.run) for each in judged if each.is_new]
    old = [goal_value(experiment.goal, each.run) for each in judged if not each.is_new]
    if not new or not old:
        return None, None
    if experiment.goal == "missed":
        return sum(new) / len(new) - sum(old) / len(old), None
    change = exp(_mean_log(new) - _mean_log(old)) - 1.0
    if not with_interval:
        return change, None
    durations, earlier = [each.goal for each in judged], [each.goal for each in runs[:first]]
    return change, effect_interval(
        durations, earlier, experiment.share, ODDS / 2, _memory(experiment)
    )


def _mean_log(values: Sequence[float]) -> float:
    return sum(log(max(value, 1e-6)) for value in values) / len(values)
