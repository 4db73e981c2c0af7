"""Simulated teams with known best settings."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.plan.autopilot.ci_runs import CIRunFigures
from pytest_nexus.plan.autopilot.next_step import AGAIN_AFTER_S, next_step, stopped
from pytest_nexus.plan.autopilot.setting_records import State
from tests.support.simulated_team import DAY_S, Team, kinds, proposal

if TYPE_CHECKING:
    from random import Random

    from pytest_nexus.plan.tuning.proposals import Proposal


def better(values: dict[str, str], _: float) -> float:
    return 210.0 if values.get("shards") == "4" else 300.0


def worse(values: dict[str, str], _: float) -> float:
    return 400.0 if values.get("shards") == "4" else 300.0


def always(*found: Proposal) -> object:
    return lambda _: found


def team(wall: object = better, *found: Proposal, **more: object) -> Team:
    return Team(3, wall, always(*(found or (proposal(),))), **more)  # type: ignore[arg-type] # as named


def test_gain_is_tried_adopted_and_settled() -> None:
    one = team()
    log = one.live(30)
    assert kinds(log) == ["began", "adopted", "settled"]
    assert one.values("any") == one.values(None) == {"shards": "4"}
    began, adopted, _ = log
    assert began.sentence == (
        "shards = 4 instead of auto: on trial on 50.0 % of the runs, judged by wall time;"
        " Replayed on 60 runs"
    )
    assert adopted.sentence.startswith("shards = 4 instead of auto: adopted after ")
    assert "wall time -" in adopted.sentence
    assert adopted.sentence.endswith(" to 1 for a gain")
    (version,) = one.state.versions
    assert version.status == "adopted"
    assert json.loads(version.metrics)["found"]["for_odds"] >= 20


def test_loss_is_rejected_and_not_tried_again_soon() -> None:
    one = team(worse)
    assert kinds(one.live(25)) in (["began", "rejected"], ["began", "stopped"])
    assert one.values("any") == {}
    again = one.live(60)
    assert kinds(again)[:1] == ["began"]
    assert again[0].at - one.state.log[1].at >= AGAIN_AFTER_S, "since it was rejected"


def test_no_effect_ends_without_a_result() -> None:
    one = team(lambda *_: 300.0)
    assert kinds(one.live(20)) == ["began", "rejected"]
    assert "neither a gain nor a loss is shown" in one.state.log[-1].sentence


def test_at_most_one_change_a_week() -> None:
    def best(values: dict[str, str], _: float) -> float:
        return 300.0 - 60.0 * list(values.values()).count("3")

    found = [proposal(name, "3") for name in ("shards", "workers", "reruns")]
    one = team(best, *found, settings=("shards", "workers", "reruns"))
    log = one.live(80)
    changed = [entry.at for entry in log if entry.kind == "adopted"]
    assert len(changed) == 3
    assert min(b - a for a, b in pairwise(changed)) >= 7 * DAY_S


def test_settings_do_not_flip_under_noise() -> None:
    # The simulation proposes the other value again and again; neither is better.
    one = Team(
        5,
        lambda *_: 300.0,
        lambda day: (proposal(value="4" if day % 2 else "2"),),
        noise=0.3,
    )
    log = one.live(60)
    assert kinds(log).count("adopted") + kinds(log).count("taken back") <= 2


@pytest.mark.parametrize("seed", range(5))
def test_change_of_regime_is_found_in_20_runs_and_the_value_is_taken_back(seed: int) -> None:
    def wall(values: dict[str, str], day: float) -> float:
        if values.get("shards") == "4":
            return 210.0 if day < 40 else 450.0
        return 300.0

    one = Team(seed, wall, always(proposal()))  # type: ignore[arg-type] # a function
    assert kinds(one.live(40)) == ["began", "adopted", "settled"]
    log = one.live(2)
    assert kinds(log) == ["regime", "began"]
    assert log[0].sentence.startswith("the wall time of runs changed from 3.")
    assert "= auto instead of 4" in log[1].sentence
    log = one.live(20)
    assert kinds(log)[0] == "adopted"
    assert one.values("any") == {}
    assert [each.status for each in one.state.versions][:2] == ["replaced", "adopted"]


def test_adopted_value_that_does_harm_is_taken_back() -> None:
    def wall(values: dict[str, str], _: float) -> float:
        if values.get("shards") == "4":
            return 210.0 if one.state.open is None or one.state.open.phase == "trial" else 500.0
        return 300.0

    one = team(wall)
    assert kinds(one.live(15))[:3] == ["began", "adopted", "taken back"]
    assert one.values("any") == {}
    assert one.state.versions[0].status == "taken back"
    log = [*one.state.log[:3], *(entry for entry in one.live(60) if entry.kind == "began")]
    assert log[3].at - log[2].at >= AGAIN_AFTER_S, "since it was taken back"


def flaky(values: dict[str, str], random: Random) -> tuple[bool, bool, bool, bool]:
    return (False, False, bool(values) or random.random() < 0.1, True)


def failing(values: dict[str, str], random: Random) -> tuple[bool, bool, bool, bool]:
    return (bool(values) or random.random() < 0.1, False, False, True)


def missing(values: dict[str, str], random: Random) -> tuple[bool, bool, bool, bool]:
    return (True, bool(values) and random.random() < 0.9, False, True)


def dying(values: dict[str, str], random: Random) -> tuple[bool, bool, bool, bool]:
    return (False, False, False, not values or random.random() < 0.3)


@pytest.mark.parametrize(
    ("facts", "guard"),
    [(flaky, "flaky rate"), (failing, "rate of failed runs"), (missing, "miss rate"),
     (dying, "rate of unfinished runs")],
)  # fmt: skip
def test_guards_fire_even_if_the_goal_gains(facts: object, guard: str) -> None:
    one = team(lambda values, _: 290.0 if values else 300.0, facts=facts)
    log = one.live(12)
    assert kinds(log)[:2] == ["began", "stopped"]
    assert f"the {guard} got worse" in log[1].sentence
    assert one.values("any") == {}


def test_second_job_changes_nothing() -> None:
    one = team()
    for _ in range(25):
        one.live(1)
        assert one.work() == ()


def test_suggestion_is_made_once_and_nothing_is_tried() -> None:
    one = team(mode="suggest")
    (entry,) = one.live(10)
    assert entry.kind == "suggested"
    assert entry.sentence == (
        "shards = 4 instead of auto in workflow would change the median wall time by -30 %"
        " (-12 % to -6 %); `auto` there and `nexus_autopilot = on` let nexus try this"
    )
    assert one.state.versions == one.state.experiments == ()


def test_setting_that_a_person_wrote_is_suggested_and_not_tried() -> None:
    one = team(settings=())
    assert kinds(one.live(10)) == ["suggested"]


def test_off_does_nothing() -> None:
    assert team(mode="off").live(10) == []


@pytest.mark.parametrize(
    "bad",
    [proposal(gain=0.05), proposal(value="x"), proposal(value="auto"), proposal(value="99999")],
    ids=["little", "word", "auto", "many"],
)
def test_what_is_no_gain_or_no_value_is_not_tried(bad: Proposal) -> None:
    assert "began" not in kinds(team(better, bad).live(10))


def test_unknown_setting_is_suggested_without_a_way_to_try() -> None:
    (entry,) = team(better, proposal("keep_runs", "500")).live(3)
    assert entry.sentence.endswith("(-12 % to -6 %)")


def test_person_stops_a_trial_and_it_is_not_tried_again() -> None:
    one = team()
    one.live(1)
    step = stopped(one.state, one.days * DAY_S, None)
    assert step.entries[0].sentence == "shards = 4 instead of auto: the trial was stopped by hand"
    one.state = step.state
    assert one.live(60) == []
    assert one.values("any") == {}


@pytest.mark.parametrize("days", [5, 30], ids=["watched", "settled"])
def test_person_takes_an_adopted_value_back(days: int) -> None:
    one = team()
    assert "adopted" in kinds(one.live(days))
    assert (one.state.open is not None) == (days == 5)
    step = stopped(one.state, one.days * DAY_S, "shards")
    assert step.entries[0].sentence == "shards = auto again instead of 4, by hand"
    one.state = step.state
    assert one.state.open is None
    assert one.values("any") == {}
    assert "began" not in kinds(one.live(60))


def test_earlier_value_is_in_force_again() -> None:
    def wall(values: dict[str, str], _: float) -> float:
        return {"4": 250.0, "8": 180.0}.get(values.get("shards", ""), 320.0)

    one = Team(1, wall, lambda day: (proposal(value="4" if day < 30 else "8"),))
    log = one.live(70)
    assert kinds(log) == ["began", "adopted", "settled"] * 2
    assert one.values("any") == {"shards": "8"}
    one.state = stopped(one.state, one.days * DAY_S, None).state
    assert one.values("any") == {"shards": "4"}
    assert [each.status for each in one.state.versions] == ["adopted", "taken back"]


def test_nothing_to_take_back() -> None:
    assert stopped(State(), 0.0, "shards") == (State(), ())


def test_few_runs_begin_nothing() -> None:
    runs = [
        CIRunFigures(str(at), float(at), 9.0, 9.0, False, False, False, True) for at in range(9)
    ]
    assert next_step(State(), [proposal()], runs, 1e6, "on", ["shards"]).entries == ()
