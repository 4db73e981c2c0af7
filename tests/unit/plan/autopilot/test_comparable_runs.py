"""Which runs say that the suite changed: those that differ by nothing that nexus decided."""

from __future__ import annotations

from pytest_nexus.plan.autopilot.arms import tries
from pytest_nexus.plan.autopilot.comparable_runs import comparable_runs, value_in_force
from pytest_nexus.plan.autopilot.next_step import stopped
from pytest_nexus.plan.autopilot.setting_records import State
from tests.support.simulated_team import RUNS_A_DAY, Team, kinds, proposal

SETTLED = ["began", "adopted", "settled"]


def quick_with_four(values: dict[str, str], _: float) -> float:
    return 210.0 if values.get("shards") == "4" else 300.0


def settled_team() -> Team:
    """Return a team whose four shards were adopted and settled."""
    team = Team(3, quick_with_four, lambda _: (proposal(),), noise=0.01)
    while kinds(team.state.log) != SETTLED:
        team.live(1)
    return team


def test_all_finished_runs_count_as_long_as_nothing_changed() -> None:
    team = Team(1, quick_with_four, lambda _: ())
    team.live(3)
    cut = [*team.runs[:-1], team.runs[-1]._replace(is_finished=False)]
    assert comparable_runs(State(), cut) == team.runs[:-1]


def test_runs_of_the_watch_count_that_got_the_value_in_force() -> None:
    team = settled_team()
    team.live(2)
    watch = next(each for each in team.state.experiments if each.phase == "watch")
    assert watch.ended_at is not None
    during = [run for run in team.runs if watch.began_at <= run.started_at < watch.ended_at]
    later = [run for run in team.runs if run.started_at >= watch.ended_at]
    expected = [run for run in during if tries(run.run_id, watch)] + later
    assert comparable_runs(team.state, team.runs) == expected
    assert len(expected) > 2 * RUNS_A_DAY
    assert max(run.wall_s for run in expected) < 250.0


def test_a_sudden_cause_right_after_the_watch_is_noticed() -> None:
    """The watch says what was usual before, so the first runs after it are not the measure."""
    team = settled_team()
    cause = team.days

    def slow_since(values: dict[str, str], day: float) -> float:
        return quick_with_four(values, day) * (1.5 if day >= cause else 1.0)

    team.wall = slow_since
    log = team.live(2)
    assert kinds(log)[0] == "regime"
    assert "from 3.5 min to 5.3 min" in log[0].sentence


def test_runs_before_a_change_by_a_person_do_not_count() -> None:
    team = settled_team()
    team.state = stopped(team.state, team.days * 86_400.0, "shards").state
    assert value_in_force(team.state, "shards") == "auto"
    before = len(team.runs)
    team.proposals = lambda _: ()
    team.live(2)
    assert comparable_runs(team.state, team.runs) == team.runs[before:]
