"""The parts of which a tuning is made."""

from __future__ import annotations

from array import array

import pytest

from pytest_nexus.plan.tuning.figures import FIGURES, GOALS, SCORES, quantile
from pytest_nexus.plan.tuning.job_seconds import lane_s, start_s
from pytest_nexus.plan.tuning.layouts import MOST_LAYOUTS, layouts
from pytest_nexus.plan.tuning.limits import parse_limit
from pytest_nexus.plan.tuning.regimes import EACH_SIDE, regime_start
from pytest_nexus.plan.tuning.repeats import Repeats, repeats
from pytest_nexus.plan.tuning.replayed_rounds import Replay, Spared
from pytest_nexus.plan.tuning.resampling import difference, draws
from pytest_nexus.plan.tuning.rounds import (
    AUTO,
    Flake,
    Outcome,
    Prices,
    Round,
    SeenRuns,
    Setting,
    seen_in,
)
from pytest_nexus.plan.tuning.tunables import (
    TUNABLES,
    read_time,
    row,
    tried,
    value_of,
    with_value,
    write_time,
)
from tests.support.teams import energy_wh, names_of, team


def outcome(wall_s: float, money: float = 1.0) -> Outcome:
    return Outcome(wall_s, wall_s / 60, money, wall_s / 10)


def one_round(*seconds: float, **facts: object) -> Round:
    tests = tuple(range(len(seconds)))
    return Round("0" * 32, 0.0, tests, array("d", seconds))._replace(**facts)  # type: ignore[arg-type] # of its fields


def test_a_quantile_is_one_of_the_values() -> None:
    assert quantile([5.0], 0.95) == 5.0
    assert quantile(list(range(100)), 0.95) == 94
    assert quantile([1.0, 2.0, 3.0], 0.0) == 1.0


def test_figures_are_means_except_quantiles_and_misses() -> None:
    rounds = [outcome(60.0), outcome(120.0)._replace(misses=1.0)]
    found = {name: figure(rounds) for name, figure in FIGURES.items()}
    assert found == {
        "wall_p50_s": 60.0, "wall_p95_s": 120.0, "machine_minutes": 1.5, "money": 1.0,
        "misses": 1.0, "energy_wh": 9.0,
    }  # fmt: skip


def test_the_balanced_goal_counts_a_percent_of_time_as_one_of_money() -> None:
    score = SCORES["balanced"]
    faster, cheaper = [outcome(50.0, 1.0)], [outcome(100.0, 0.5)]
    assert score(faster) == pytest.approx(score(cheaper))
    assert set(SCORES) == set(GOALS)


@pytest.mark.parametrize(
    ("text", "figure", "most"),
    [
        ("p95 <= 8 min", "wall_p95_s", 480.0),
        ("P50<=90s", "wall_p50_s", 90.0),
        ("machine <= 1.5 h", "machine_minutes", 90.0),
        ("money <= 0.5", "money", 0.5),
        ("energy <= 2 kWh", "energy_wh", 2000.0),
        ("misses <= 1 %", "misses", 0.01),
        ("misses <= 2", "misses", 2.0),
    ],
)
def test_limits_are_read(text: str, figure: str, most: float) -> None:
    found = parse_limit(text)
    assert found is not None
    assert (found.figure, found.most) == (figure, most)


@pytest.mark.parametrize(
    "text", ["", "p95", "p95 >= 8", "p95 <= soon", "p95 <= 8 kWh", "wall <= 8", "p95 <= 8 min;"]
)
def test_other_limits_are_refused(text: str) -> None:
    assert parse_limit(text) is None


def test_a_share_of_misses_is_one_of_the_failing_rounds() -> None:
    found = parse_limit("misses <= 10%")
    assert found is not None
    missed = [outcome(1.0)._replace(misses=1.0), outcome(1.0)]
    assert found.is_kept(missed, 10)
    assert not found.is_kept(missed, 9)


def test_draws_are_always_the_same_and_use_all_numbers() -> None:
    found = list(draws(7, 50))
    assert found == list(draws(7, 50))
    assert {number for each in found for number in each} == set(range(7))
    assert {len(each) for each in found} == {7}


def test_the_interval_of_a_sure_change_excludes_zero() -> None:
    today = [outcome(100.0 + at) for at in range(20)]
    better = [outcome(90.0 + at) for at in range(20)]
    low, high = difference(FIGURES["wall_p50_s"], today, better, list(draws(20, 100)))
    assert (low, high) == (-10.0, -10.0)
    mixed = [outcome(each.wall_s + (-3.0 if at % 2 else 3.0)) for at, each in enumerate(today)]
    low, high = difference(FIGURES["machine_minutes"], today, mixed, list(draws(20, 100)))
    assert low < 0 < high


def test_no_worker_count_beats_the_longest_test_or_the_cores() -> None:
    assert lane_s([10.0, 1.0, 1.0], 16, 16, 1.0) == 10.0
    assert lane_s([1.0] * 64, 16, 4, 1.0) == 16.0
    assert lane_s([1.0] * 64, 16, 4, 0.25) == 4.0
    assert lane_s([], 4, 2, 1.0) == 0.0
    assert lane_s([2.0, 1.0], 1, 2, 1.0) == 3.0


def test_more_workers_never_take_longer() -> None:
    seconds = sorted((float(at % 7 + 1) for at in range(50)), reverse=True)
    found = [lane_s(seconds, workers, 8, 1.0) for workers in range(1, 9)]
    assert found == sorted(found, reverse=True)
    assert start_s(3.0, 8, 2) == 15.0


def test_layouts_know_only_earlier_rounds() -> None:
    rounds = [one_round(9.0, 1.0, 1.0, 1.0), *[one_round(1.0, 9.0, 1.0, 1.0)] * 9]
    found = list(layouts(rounds, [2], names_of(rounds)))
    assert found[1].planned_s[2] == pytest.approx(9.0)
    alone = found[1].shard_of[2]
    assert [test for test in alone if alone[test] == alone[0]] == [0]
    alone = found[9].shard_of[2]
    assert [test for test in alone if alone[test] == alone[1]] == [1]


def test_long_histories_are_divided_a_few_times() -> None:
    rounds = team(60, 4)
    found = list(layouts(rounds, [2], names_of(rounds)))
    assert len(found) == 60
    assert len({id(each) for each in found}) <= MOST_LAYOUTS + 1


def test_a_target_takes_the_fewest_shards() -> None:
    rounds = [one_round(*[10.0] * 12)] * 2
    layout = list(layouts(rounds, [1, 2, 3, 4, 6], names_of(rounds)))[-1]
    assert layout.auto(60.0, 6) == 2
    assert layout.auto(45.0, 6) == 3
    assert layout.auto(1.0, 4) == 4
    assert layout.auto(1000.0, 6) == 1


def test_a_change_of_the_suite_begins_a_regime() -> None:
    rounds = team(30, 10, 100.0)
    assert regime_start(rounds) == 0
    assert regime_start(rounds + team(EACH_SIDE, 10, 300.0, number=30)) == 30
    assert regime_start(rounds + team(EACH_SIDE, 10, 30.0, number=30)) == 30
    assert regime_start(rounds + team(EACH_SIDE, 10, 103.0, number=30)) == 0
    assert regime_start(rounds[:5]) == 0


def test_a_few_slow_rounds_are_no_regime() -> None:
    rounds = team(60, 10, 100.0)
    rounds[40:44] = team(4, 10, 500.0, number=40)
    assert regime_start(rounds) == 0


def test_reruns_cost_what_was_recorded() -> None:
    flake = Flake(1, (2.0, 3.0), 2)
    rounds = [one_round(1.0, 1.0, flakes=(flake,))] * 3
    assert repeats(rounds, "0", "10") == [Repeats(0.0, is_red=True)] * 3
    assert repeats(rounds, "1", "10") == [Repeats(2.0, is_red=True)] * 3
    assert repeats(rounds, "2", "10") == [Repeats(5.0, is_red=False)] * 3
    assert repeats(rounds, "2", "4") == [Repeats(2.0, is_red=True)] * 3
    adaptive = repeats(rounds, "adaptive", "10")
    assert adaptive == [Repeats(2.0, is_red=True), *[Repeats(5.0, is_red=False)] * 2]


def test_a_broken_test_makes_no_round_red_by_a_flake() -> None:
    rounds = [one_round(1.0, flakes=(Flake(0, (1.0,), 0),))]
    assert repeats(rounds, "adaptive", "5%") == [Repeats(1.0, is_red=False)]


def test_a_round_costs_the_start_of_each_job() -> None:
    rounds = [one_round(30.0, 30.0, start_s=5.0)] * 3
    prices = Prices(10.0, 0.5, cores=2)
    replay = Replay(rounds, names_of(rounds), prices, (1, 2), (1, 2), energy_wh=energy_wh)
    alone, two = (replay.outcomes(Setting(shards=count))[2] for count in (1, 2))
    assert alone[:3] == (75.0, 1.25, 1.0)
    assert two[:3] == (45.0, 1.5, 1.0)
    assert two.energy_wh == pytest.approx((2 * 90 + 2 * (10 + 60)) / 3600)
    workers = replay.outcomes(Setting(workers=2))[2]
    assert workers.wall_s == 10.0 + 10.0 + 30.0


def test_seconds_are_billed_if_asked() -> None:
    rounds = [one_round(30.0)]
    prices = Prices(30.0, 1.0, is_rounded_up=False)
    (found,) = Replay(rounds, names_of(rounds), prices, (1,), (1,)).outcomes(Setting())
    assert found.money == 1.0
    rounds = [one_round(31.0)]
    (found,) = Replay(rounds, names_of(rounds), Prices(30.0, 1.0), (1,), (1,)).outcomes(Setting())
    assert found.money == 2.0


def test_later_jobs_start_as_late_as_they_did() -> None:
    rounds = [one_round(10.0, jobs=3, apart_s=4.0), one_round(10.0)]
    replay = Replay(rounds, names_of(rounds), Prices(1.0), (1, 2), (1,))
    assert replay.apart_s == 2.0
    assert replay.outcomes(Setting(shards=2))[0].wall_s == 13.0


def test_the_start_of_workers_is_taken_out() -> None:
    rounds = [one_round(10.0, workers=4, start_s=9.0, cores=2)]
    replay = Replay(rounds, names_of(rounds), Prices(1.0, cores=2), (1,), (1, 4))
    assert replay.start_s == [3.0]
    assert replay.outcomes(Setting(workers=4))[0].wall_s == pytest.approx(1.0 + 9.0 + 10.0)
    assert replay.knows(Setting(workers=4))
    assert not replay.knows(Setting(workers=3))


def test_a_red_round_is_started_again() -> None:
    rounds = [one_round(10.0, flakes=(Flake(0, (1.0,), 1),))]
    replay = Replay(rounds, names_of(rounds), Prices(50.0), (1,), (1,))
    assert replay.outcomes(Setting(reruns="0"))[0].wall_s == 120.0
    assert replay.outcomes(Setting(reruns="1"))[0].wall_s == 61.0


def test_selected_rounds_take_their_share() -> None:
    rounds = [one_round(10.0)] * 2
    spared = {"confidence:99%": [Spared(0.5, is_missed=False), Spared(0.1, is_missed=True)]}
    replay = Replay(rounds, names_of(rounds), Prices(1.0), (1,), (1,), spared=spared)
    found = replay.outcomes(Setting(select="confidence:99%"))
    assert [each.wall_s for each in found] == [6.0, 2.0]
    assert [each.misses for each in found] == [0.0, 1.0]


def test_tests_that_no_plan_knows_go_to_any_shard() -> None:
    rounds = [one_round(1.0), one_round(1.0, 5.0, 7.0)]
    replay = Replay(rounds, names_of(rounds), Prices(1.0), (1, 2), (1,))
    assert sum(replay.outcomes(Setting(shards=2))[1][:1]) < 1.0 + 13.0
    assert replay.outcomes(Setting(shards=AUTO, max_shards=2))[1].wall_s == 14.0


def test_the_newest_rounds_show_today() -> None:
    assert seen_in([]) == SeenRuns()
    rounds = [one_round(1.0, jobs=4, workers=2, cores=8)] * 3 + [one_round(1.0)]
    assert seen_in(rounds) == SeenRuns(4, 2, 8)
    assert seen_in(rounds, 16).cores == 16


def test_every_row_says_how_or_why_not() -> None:
    assert len({each.name for each in TUNABLES}) == len(TUNABLES)
    for each in TUNABLES:
        assert bool(each.simulated) != bool(each.not_simulated), each
        assert each.place in {"pytest.ini", "workflow"}
        if each.simulated:
            assert each.may_not_worsen


def test_every_value_of_a_simulated_row_can_be_set() -> None:
    today = Setting(shards=AUTO)
    for each in TUNABLES:
        if each.simulated:
            for value in each.values:
                assert value_of(each.name, with_value(each.name, value, today)) == value
    assert value_of("shards", with_value("shards", "auto", Setting())) == "auto"
    assert (read_time("x"), read_time("1h"), write_time(90.0)) == (None, 3600.0, "90s")


def test_values_are_tried_where_they_count() -> None:
    assert tried("target", Setting(shards=2), 2) == ["5m"]
    assert tried("shards", Setting(shards=AUTO), 2) == ["auto"]
    assert tried("shards", Setting(shards=7), 2)[0] == "7"
    assert tried("workers", Setting(), None) == ["1"]
    assert tried("workers", Setting(), 1) == ["1", "2", "3", "4"]
    with pytest.raises(KeyError):
        row("nothing")
