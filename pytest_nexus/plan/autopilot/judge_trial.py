"""Judge an experiment by its runs: go on, adopt, reject, or stop."""

from __future__ import annotations

from math import exp, log
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from pytest_nexus.plan.autopilot.arms import tries
from pytest_nexus.plan.autopilot.betting import (
    WINDOW,
    Coin,
    after,
    effect_interval,
    relative_score,
    start,
)
from pytest_nexus.plan.autopilot.guards import GUARD_ODDS, GUARDS

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
    experiment: Experiment, runs: Sequence[CIRunFigures], *, with_interval: bool = True
) -> Judgement:
    """Return the first verdict that the runs reach, in time order; so later runs change nothing.

    Args:
        experiment: the experiment.
        runs: all runs in time order, those before the experiment too: durations are compared
            with earlier ones.
        with_interval: whether the interval is computed, which takes most of the time.
    """
    first = next(
        (at for at, run in enumerate(runs) if run.started_at > experiment.began_at), len(runs)
    )
    progress = _Progress(start(), start(), (start(),) * len(GUARDS))
    verdict: Verdict = "open"
    guard = ""
    end = first
    while end < len(runs) and verdict == "open":
        progress = _advance(progress, experiment, runs[end], runs[max(0, end - WINDOW) : end])
        end += 1
        verdict, guard = _verdict(progress, experiment)
    change, interval = _effect(experiment, runs, first, end, with_interval=with_interval)
    odds = (sum(progress.better), sum(progress.worse))
    return Judgement(verdict, progress.n_new, progress.n_before, *odds, change, interval, guard)


def _advance(
    progress: _Progress,
    experiment: Experiment,
    run: CIRunFigures,
    earlier: Sequence[CIRunFigures],
) -> _Progress:
    coin = Coin(tries(run.run_id, experiment), experiment.share)
    score = _goal_score(experiment.goal, run, earlier) if run.is_finished else 0.0
    scores = [
        guard.score(run, earlier, coin.is_new, experiment.cost_limit)
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


def _goal_score(goal: str, run: CIRunFigures, earlier: Sequence[CIRunFigures]) -> float:
    if goal == "missed":
        return float(run.has_missed)
    return relative_score(goal_value(goal, run), [goal_value(goal, each) for each in earlier])


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
    runs: Sequence[CIRunFigures],
    first: int,
    end: int,
    *,
    with_interval: bool,
) -> tuple[float | None, tuple[float, float] | None]:
    judged = [run for run in runs[first:end] if run.is_finished]
    coins = [Coin(tries(run.run_id, experiment), experiment.share) for run in judged]
    values = [goal_value(experiment.goal, run) for run in judged]
    new = [value for value, coin in zip(values, coins, strict=True) if coin.is_new]
    old = [value for value, coin in zip(values, coins, strict=True) if not coin.is_new]
    if not new or not old:
        return None, None
    if experiment.goal == "missed":
        return sum(new) / len(new) - sum(old) / len(old), None
    change = exp(_mean_log(new) - _mean_log(old)) - 1.0
    if not with_interval:
        return change, None
    earlier = [goal_value(experiment.goal, run) for run in runs[:first]]
    return change, effect_interval(values, coins, earlier, ODDS / 2)


def _mean_log(values: Sequence[float]) -> float:
    return sum(log(max(value, 1e-6)) for value in values) / len(values)
