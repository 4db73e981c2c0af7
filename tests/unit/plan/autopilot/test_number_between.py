"""A team whose tests begin to share a database: the simulation and the experiments together."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from math import exp
from typing import TYPE_CHECKING

from pytest_nexus.plan.autopilot.ci_runs import CIRunFigures
from pytest_nexus.plan.tuning.choosing import NEEDED, Wish, n_chosen_on, tune
from pytest_nexus.plan.tuning.job_seconds import contention_in
from pytest_nexus.plan.tuning.regimes import regime_start
from pytest_nexus.plan.tuning.replayed_rounds import Replay
from pytest_nexus.plan.tuning.rounds import Prices, Round, Setting
from tests.support.simulated_team import DAY_S, Team, kinds
from tests.support.teams import names_of

if TYPE_CHECKING:
    from random import Random

    from pytest_nexus.plan.tuning.proposals import Proposal

AREAS = 6
DATABASE = 9
"""The day that brings the database."""
COUNTS = (1, 2, 3, 4, 6, 8)


@dataclass
class SharingTeam(Team):
    """Six tests wait three seconds; with the database, they wait for the other jobs too."""

    rounds: list[Round] = field(default_factory=list)

    def _run(self, random: Random, at: float) -> CIRunFigures:
        run_id = f"{self.seed}.{len(self.runs)}"
        jobs = int(self.values(run_id).get("shards", "1"))
        wait_s = 0.1 * (jobs - 1) ** 3 if self.days >= DATABASE else 0.0
        tests = array("d", [(3 + wait_s) * exp(random.gauss(0, 0.02)) for _ in range(AREAS)])
        start_s = 0.5 * exp(random.gauss(0, 0.3))
        self.rounds.append(
            Round(f"{len(self.runs):032x}", at, tuple(range(AREAS)), tests, jobs=jobs,
                  start_s=start_s, cores=2, busy=0.05)
        )  # fmt: skip
        wall_s = start_s + max(sum(tests[each::jobs]) for each in range(jobs))
        machine_s = sum(tests) + jobs * start_s
        return CIRunFigures(run_id, at + 1.0, wall_s, machine_s, False, False, False, True)

    def tuned(self, _: float) -> tuple[Proposal, ...]:
        """Return what a simulation of the rounds since the last change proposes."""
        rounds = self.rounds[regime_start(self.rounds) :]
        if self.state.open is not None or len(rounds) < NEEDED:
            return ()
        known = contention_in(rounds[: n_chosen_on(len(rounds))])
        prices = Prices(3.0, is_rounded_up=False, cores=2)
        replay = Replay(rounds, names_of(rounds), prices, COUNTS, (1,), contention=known)
        shards = int(self.values(None).get("shards", "1"))
        return tune(replay, Setting(shards=shards), Wish("wall"), ["shards"]).proposals


def test_the_number_between_one_and_six_is_found_after_the_database_came() -> None:
    """With six jobs a test takes 15.5 s, with one 3 s. Three jobs end after 7.6 s, before 18."""
    team = SharingTeam(1, lambda *_: 0.0, lambda _: ())
    team.proposals = team.tuned
    assert kinds(team.live(DATABASE)) == ["began", "adopted", "settled"]
    assert team.values(None) == {"shards": "6"}
    log = team.live(10)
    assert kinds(log)[:5] == ["regime", "began", "rejected", "began", "adopted"]
    assert log[1].sentence.startswith("shards = auto instead of 6")
    assert log[-1].at <= (DATABASE + 10) * DAY_S
    assert team.values(None) in ({"shards": "2"}, {"shards": "3"})
