"""Simulated teams, whose best settings are known from the rounds that follow."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.plan.tuning.choosing import LEAST_GAIN, NEEDED, Tuned, Wish, tune
from pytest_nexus.plan.tuning.figures import FIGURES, GOALS, SCORES
from pytest_nexus.plan.tuning.limits import parse_limit
from pytest_nexus.plan.tuning.regimes import regime_start
from pytest_nexus.plan.tuning.replayed_rounds import Replay, Spared
from pytest_nexus.plan.tuning.rounds import AUTO, Flake, Prices, Round, Setting
from tests.support.teams import energy_wh, names_of, team

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.plan.tuning.figures import Goal
    from pytest_nexus.plan.tuning.limits import Limit

COUNTS = (1, 2, 3, 4, 6, 8, 12, 20)
WORKERS = (1, 2, 4, 8)
NAMES = ("shards", "workers", "reruns", "rerun_budget")


def replay_of(
    rounds: Sequence[Round],
    counts: Sequence[int] = COUNTS,
    prices: Prices = Prices(cores=2),  # noqa: B008 - immutable
) -> Replay:
    return Replay(rounds, names_of(rounds), prices, counts, WORKERS, energy_wh=energy_wh)


def limit(text: str) -> Limit:
    found = parse_limit(text)
    assert found is not None
    return found


def regret(future: Replay, chosen: Setting, goal: Goal) -> float:
    """Return by how much settings are worse than the best fixed ones, on rounds to come."""
    score = SCORES[goal]
    best = min(
        score(future.outcomes(Setting(shards=count, workers=workers)))
        for count in COUNTS
        for workers in WORKERS
    )
    return score(future.outcomes(chosen)) / best - 1


def settled(rounds: Sequence[Round], today: Setting, goal: Goal = "balanced") -> Tuned:
    return tune(replay_of(rounds[regime_start(rounds) :]), today, Wish(goal), NAMES)


@pytest.mark.parametrize(("suite_s", "busy"), [(60.0, 1.0), (1500.0, 1.0), (600.0, 0.3)])
def test_proposals_are_near_the_best_settings_after_fifty_runs(suite_s: float, busy: float) -> None:
    """The best is known only afterwards, so luck makes one of twenty look worse than 5 %."""
    regrets = {}
    for seed in range(5):
        rounds = team(80, 60, suite_s, busy=busy, seed=seed)
        past, future = replay_of(rounds[:50]), replay_of(rounds[50:])
        for goal in GOALS:
            found = tune(past, Setting(), Wish(goal), NAMES)
            regrets[seed, goal] = regret(future, found.setting, goal)
    far = {where: each for where, each in regrets.items() if each > 0.05 + 1e-9}
    assert len(far) <= len(regrets) / 20, far
    assert max(regrets.values()) <= 0.1, far


def test_weekly_tunings_of_a_steady_team_never_go_back() -> None:
    rounds = team(90, 24, 900.0, noise=0.25, seed=1)
    lived = [Setting()]
    for week in range(30, 91, 15):
        found = settled(rounds[:week], lived[-1]).setting
        if found != lived[-1]:
            lived.append(found)
    assert len(set(lived)) == len(lived)
    assert len(lived) <= 3  # the first change, and one when more is known


def test_a_grown_suite_is_found_within_twenty_runs() -> None:
    small, large = team(40, 30, 60.0), team(40, 30, 1800.0, number=40)
    today = settled(small, Setting()).setting
    assert today.shards <= 2
    found = settled(small + large[:20], today)
    assert found.setting.shards > today.shards
    assert regret(replay_of(large[20:]), found.setting, "balanced") <= 0.05


def test_today_stays_where_it_is_nearly_as_good() -> None:
    rounds = team(40, 40, 600.0)
    best = settled(rounds, Setting()).setting
    near = best._replace(shards=COUNTS[COUNTS.index(best.shards) + 1])
    again = settled(rounds, near)
    assert again.setting == near or again.gain >= LEAST_GAIN


def test_equal_settings_leave_today_alone() -> None:
    rounds = team(30, 20, 1.0)
    found = tune(replay_of(rounds), Setting(rerun_budget="10%"), Wish(), ["reruns", "rerun_budget"])
    assert found.proposals == ()
    assert found.setting == Setting(rerun_budget="10%")


@pytest.mark.parametrize("most_s", [250, 400])
def test_proposals_keep_a_limit(most_s: int) -> None:
    rounds = team(45, 60, 900.0)
    wish = Wish("cost", (limit(f"p95 <= {most_s}s"),))
    found = tune(replay_of(rounds), Setting(shards=20), wish, NAMES)
    assert not found.broken
    assert FIGURES["wall_p95_s"](replay_of(rounds).outcomes(found.setting)[-15:]) <= most_s


def test_a_limit_that_today_breaks_is_worth_money() -> None:
    rounds = team(45, 60, 900.0, cores=1)
    prices = Prices(cores=1)
    wish = Wish("cost", (limit("p95 <= 5 min"),))
    found = tune(replay_of(rounds, prices=prices), Setting(), wish, NAMES)
    assert [each.setting for each in found.proposals] == ["shards"]
    assert not found.broken


def test_a_limit_that_nothing_keeps_is_named() -> None:
    rounds = team(30, 20, 900.0)
    wish = Wish("wall", (limit("p95 <= 10 s"), limit("money <= 1")))
    found = tune(replay_of(rounds), Setting(shards=2), wish, NAMES)
    assert found.broken == ("p95 <= 10 s",)
    assert found.setting.shards > 2


def test_longer_suites_never_get_fewer_shards() -> None:
    found = [
        settled(team(24, 24, suite_s, cores=1), Setting()).setting for suite_s in (50, 400, 3000)
    ]
    shards = [each.shards for each in found]
    assert shards == sorted(shards)
    assert shards[0] < shards[-1]


def test_slower_jobs_never_get_more_shards() -> None:
    rounds = team(24, 24, 600.0)
    shards = []
    for job_start_s in (1.0, 60.0, 900.0):
        replay = replay_of(rounds, prices=Prices(job_start_s, cores=2, is_rounded_up=False))
        shards.append(tune(replay, Setting(), Wish(), NAMES).setting.shards)
    assert shards == sorted(shards, reverse=True)
    assert shards[0] > shards[-1]


def test_every_proposal_gains_enough_and_surely() -> None:
    found = settled(team(60, 60, 900.0), Setting())
    assert {each.setting for each in found.proposals} == {"shards", "workers"}
    for each in found.proposals:
        changes = {change.figure: change for change in each.changes}
        assert changes["wall_p95_s"].high < 0
        assert all(change.low <= change.high for change in each.changes)
        assert "20 runs after them" in each.evidence
    assert found.gain >= LEAST_GAIN
    assert [each.figure for each in found.together] == list(FIGURES)


def test_a_target_is_tuned_where_shards_are_auto() -> None:
    rounds = team(45, 60, 900.0)
    replay = replay_of(rounds, (1, 2, 3, 4, 5, 6, 8, 10))
    today = Setting(shards=AUTO, target_s=1200.0)
    found = tune(replay, today, Wish("wall"), ["shards", "target"])
    assert [each.setting for each in found.proposals] == ["target"]
    assert (found.proposals[0].today, found.proposals[0].proposed) == ("20m", "90s")
    assert found.setting.shards == AUTO


def test_reruns_are_worth_more_than_whole_runs() -> None:
    flaky = (Flake(3, (2.0,), 1),)
    rounds = [each._replace(flakes=flaky if at % 2 else ()) for at, each in enumerate(team(45, 20))]
    found = tune(replay_of(rounds, (1,)), Setting(reruns="0"), Wish(), ["reruns"])
    (proposal,) = found.proposals
    assert proposal.setting == "reruns"
    assert proposal.proposed in {"adaptive", "1", "2", "3"}


def test_a_selection_is_proposed_if_its_promise_is_kept() -> None:
    rounds = team(60, 20, 900.0, cores=1)
    for missed, expected in ((False, ["select"]), (True, [])):
        spared = {"confidence:99%": [Spared(0.4, is_missed=missed and at > 55) for at in range(60)]}
        replay = Replay(rounds, names_of(rounds), Prices(cores=1), (1,), (1,), spared=spared)
        found = tune(replay, Setting(), Wish(failing=(True,) * 60), ["select"])
        assert [each.setting for each in found.proposals] == expected


def test_what_is_not_surely_better_is_named() -> None:
    rounds = team(30, 20, 100.0)
    chosen = [1.0 - 0.2 * (at < 20) for at in range(30)]
    spared = {"confidence:99%": [Spared(share, is_missed=False) for share in chosen]}
    replay = Replay(rounds, names_of(rounds), Prices(cores=1), (1,), (1,), spared=spared)
    found = tune(replay, Setting(), Wish("wall"), ["select"])
    assert found.proposals == ()
    assert found.closest == "select = confidence:99%: 0.0 %"


def test_odd_histories_are_tuned_too() -> None:
    rounds = team(NEEDED + 2, 8, 100.0)
    rounds[3] = rounds[3]._replace(tests=(), seconds=array("d"))
    rounds[5] = rounds[5]._replace(seconds=array("d", [0.0] * 8))
    rounds[7] = rounds[7]._replace(tests=(900, 901), seconds=array("d", [1e5, 1e-9]))
    rounds[21] = rounds[21]._replace(
        busy=None,
        cores=None,
        workers=4,
        start_s=1e4,
        jobs=3,
        apart_s=50.0,
        flakes=(Flake(0, (), 0),),
    )
    found = tune(replay_of(rounds), Setting(shards=12, workers=8), Wish(), NAMES)
    assert found.setting.shards <= 12


def test_a_history_without_seconds_gives_no_proposal() -> None:
    rounds = [Round(f"{at:032x}", float(at), (0,), array("d", [0.0])) for at in range(NEEDED)]
    found = tune(replay_of(rounds, (1, 2)), Setting(), Wish("wall"), ["shards", "workers"])
    assert found.proposals == ()
