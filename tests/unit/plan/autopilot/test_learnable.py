"""What `auto` means for a run, and which proposals are worth a trial."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_nexus.option_rows import OPTIONS
from pytest_nexus.plan.autopilot.arms import tries
from pytest_nexus.plan.autopilot.learnable import LEARNABLE, learned_value
from pytest_nexus.plan.autopilot.setting_records import Experiment, SettingVersion
from pytest_nexus.plan.autopilot.worth_trying import best_change, goal_of, is_worth, trial_cost
from pytest_nexus.plan.tuning.proposals import ExpectedChange
from tests.support.simulated_team import proposal

OPEN = Experiment(1, "v", "shards", "4", "auto", "trial", "wall", 0.5, 1.05, 0.0)
ADOPTED = SettingVersion("a", None, "shards", "3", "auto", "", 0.0, "{}", "adopted")


def test_runs_of_an_experiment_get_either_value() -> None:
    got = {
        tries(str(run), OPEN): learned_value("shards", [ADOPTED], OPEN, str(run))
        for run in range(20)
    }
    assert got == {True: "4", False: None}
    assert learned_value("shards", [ADOPTED], OPEN._replace(before="3"), "3") in ("3", "4")


def test_no_value_is_tried_outside_a_ci_or_for_another_setting() -> None:
    assert learned_value("shards", [ADOPTED], OPEN, None) == "3"
    assert learned_value("workers", [ADOPTED], OPEN, "1") is None


@pytest.mark.parametrize("bad", ["auto", "0", "-1", "4;rm", "٣", "1e3"])
def test_damaged_value_is_the_default(bad: str) -> None:
    assert learned_value("shards", [ADOPTED._replace(value=bad)], None, "1") is None
    assert learned_value("nothing", [ADOPTED._replace(setting="nothing")], None, "1") is None


@pytest.mark.parametrize("name", [each.name for each in LEARNABLE.values()
                                  if each.place == "pytest.ini"])  # fmt: skip
def test_learned_values_of_options_are_allowed_in_the_ini_file(name: str) -> None:
    (option,) = [each for each in OPTIONS if each.name == f"nexus_{name}"]
    values = ["off", "adaptive", "5%", "3", "affected", "confidence:99%", "affected,budget:30%"]
    allowed = [each for each in values if LEARNABLE[name].allows(each)]
    assert allowed
    assert [each for each in allowed if option.parsed(each) != each] == []
    assert option.parsed(LEARNABLE[name].default) == LEARNABLE[name].default


def test_gain_that_may_be_a_loss_is_none() -> None:
    sure = proposal(gain=0.3)
    assert is_worth(sure)
    assert not is_worth(proposal(gain=0.09))
    doubtful = ExpectedChange("wall_p50_s", 300.0, 200.0, -200.0, 1.0)
    assert not is_worth(replace(sure, changes=(doubtful,)))
    assert not is_worth(replace(sure, changes=()))


def test_goal_is_the_figure_that_gains_most() -> None:
    wall = ExpectedChange("wall_p95_s", 100.0, 80.0, -30.0, -10.0)
    money = ExpectedChange("money", 10.0, 5.0, -6.0, -4.0)
    both = replace(proposal(), changes=(wall, money))
    assert best_change(both) == money
    assert goal_of(both) == "machine"
    assert trial_cost(both) == 1.05
    dearer = ExpectedChange("machine_minutes", 10.0, 12.0, 1.0, 3.0)
    assert trial_cost(replace(both, changes=(wall, dearer))) == pytest.approx(1.3)
