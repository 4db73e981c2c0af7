"""The verdict about an experiment, and how often it is wrong."""

from __future__ import annotations

from math import exp
from random import Random
from typing import Any

import pytest

from pytest_nexus.plan.autopilot.arms import tries
from pytest_nexus.plan.autopilot.betting import (
    Coin,
    Dealt,
    after,
    effect_interval,
    relative_score,
    start,
)
from pytest_nexus.plan.autopilot.ci_runs import CIRunFigures
from pytest_nexus.plan.autopilot.judge_trial import MOST_RUNS, Judgement, judge
from pytest_nexus.plan.autopilot.setting_records import Experiment

N_BEFORE = 20


def trial(number: int = 1, **more: Any) -> Experiment:
    made = Experiment(number, "v", "shards", "4", "2", "trial", "wall", 0.5, 1.05, N_BEFORE - 0.5)
    return made._replace(**more)


def run_of(run_id: str, at: float, wall_s: float, **more: Any) -> CIRunFigures:
    return CIRunFigures(run_id, at, wall_s, 600.0, False, False, False, True)._replace(**more)


def lived(
    experiment: Experiment, effect: float, noise: float = 0.15, drift: float = 0.0, n: int = 130
) -> list[CIRunFigures]:
    """Runs before and in an experiment; a few take three times as long for no reason."""
    random = Random(experiment.number)
    found = []
    for at in range(N_BEFORE + n):
        run_id = f"{experiment.number}.{at}"
        is_new = at >= N_BEFORE and tries(run_id, experiment)
        outlier = 3.0 if random.random() < 0.03 else 1.0
        wall_s = 300.0 * exp(random.gauss(0.0, noise) + drift * at) * outlier
        found.append(run_of(run_id, float(at), wall_s * (effect if is_new else 1.0)))
    return found


def verdict(experiment: Experiment, *how: float) -> str:
    return judge(experiment, lived(experiment, *how), with_interval=False).verdict


def test_what_is_no_gain_is_adopted_in_at_most_5_percent_of_1000_experiments() -> None:
    nothing = [(1.0, 0.15), (1.0, 0.4), (1.0, 0.1, 0.01), (1.0, 0.2, -0.01)]
    harm = [(1.03, 0.15), (1.3, 0.3)]
    kinds = [*nothing, *nothing[:2], *harm, *harm]
    found = [verdict(trial(number), *kinds[number % len(kinds)]) for number in range(1, 1001)]
    assert found.count("better") <= 50


def test_gains_are_found() -> None:
    found = [verdict(trial(number), 0.8) for number in range(1, 51)]
    assert found.count("better") >= 48


def test_losses_are_found() -> None:
    found = [verdict(trial(number), 1.3) for number in range(1, 51)]
    assert found.count("worse") + found.count("guard") >= 48


def test_later_runs_change_no_verdict() -> None:
    experiment = trial()
    runs = lived(experiment, 0.7)
    found = judge(experiment, runs)
    assert found.verdict == "better"
    n = found.n_new + found.n_before
    assert n < 60
    assert judge(experiment, runs[: N_BEFORE + n]) == found
    assert judge(experiment, runs[: N_BEFORE + n - 1]).verdict == "open"
    assert found.interval is not None
    assert found.interval[0] < -0.3 < found.interval[1] + 0.02 < 0.02


def test_interval_covers_the_effect_at_all_looks() -> None:
    missed = 0
    for number in range(1, 31):
        experiment = trial(number)
        runs = lived(experiment, 0.85, n=40)
        earlier = [Dealt.of(run.wall_s, False) for run in runs[:N_BEFORE]]
        dealt = [Dealt.of(run.wall_s, tries(run.run_id, experiment)) for run in runs[N_BEFORE:]]
        found = effect_interval(dealt, earlier, 0.5, 10.0)
        missed += found is None or not found[0] - 0.01 <= -0.15 <= found[1] + 0.01
    assert missed <= 3


def test_trial_without_effect_ends_after_the_most_runs() -> None:
    found = judge(trial(3), lived(trial(3), 1.0), with_interval=False)
    assert (found.verdict, found.n_new + found.n_before) == ("no result", MOST_RUNS)
    assert found.interval is None


def test_nothing_is_known_before_the_first_run() -> None:
    experiment = trial(began_at=1e9)
    assert judge(experiment, lived(experiment, 0.5)) == Judgement(
        "open", 0, 0, pytest.approx(1.0), pytest.approx(1.0), None, None
    )


def test_misses_are_a_goal() -> None:
    experiment = trial(goal="missed")
    runs = [
        run._replace(has_missed=at >= N_BEFORE and not tries(run.run_id, experiment))
        for at, run in enumerate(lived(experiment, 1.0))
    ]
    found = judge(experiment, runs)
    assert found.verdict == "better"
    assert found.change == pytest.approx(-1.0, abs=0.1)


def test_cost_may_grow_to_its_limit_only() -> None:
    def costly(limit: float) -> str:
        experiment = trial(cost_limit=limit)
        runs = [
            run._replace(
                machine_s=run.wall_s * (2.0 if tries(run.run_id, experiment) else 1.0), wall_s=300.0
            )
            for run in lived(experiment, 1.0)
        ]
        found = judge(experiment, runs, with_interval=False)
        return f"{found.verdict} {found.guard}"

    assert costly(1.05) == "guard cost"
    assert costly(2.1) == "no result "


def test_bet_on_a_fair_coin_gains_nothing() -> None:
    for share in (0.5, 0.8):
        heads, tails = (sum(after(start(), Coin(each, share), 0.7)) for each in (True, False))
        assert share * heads + (1.0 - share) * tails == pytest.approx(1.0)


def test_score_needs_earlier_runs() -> None:
    assert relative_score(Dealt.of(9.0, True), [Dealt.of(1.0, False)] * 2, 0.5) == 0.0
    assert relative_score(Dealt.of(0.0, True), [Dealt.of(1.0, False)] * 3, 0.5) == -1.0


def test_runs_of_both_values_are_evidence_whatever_their_shares_are() -> None:
    old = [100.0 * exp(0.05 * (each % 3)) for each in range(12)]
    earlier = [Dealt.of(each, False) for each in old] + [Dealt.of(2.0 * each, True) for each in old]
    for share in (0.3, 0.5, 0.7):
        for run in (Dealt.of(210.0, True), Dealt.of(105.0, False)):
            score = relative_score(run, earlier, share)
            assert Coin(run.is_new, share).surprise * score > 0.15


def test_runs_of_the_trial_say_how_long_the_runs_of_a_watch_should_be() -> None:
    before = trial(1)
    watch = trial(2, phase="watch", share=0.7, began_at=60.0)
    runs = []
    for at in range(75):
        is_late = at > 60
        is_new = tries(str(at), watch if is_late else before) and at >= N_BEFORE
        wall_s = 300.0 * exp(Random(at).gauss(0.0, 0.1)) * (0.5 if is_new and not is_late else 1.0)
        runs.append(run_of(str(at), float(at), wall_s * (2.0 if is_new and is_late else 1.0)))
    told = judge(watch, runs, trial=before, with_interval=False)
    assert told.against_odds > judge(watch, runs, with_interval=False).against_odds
