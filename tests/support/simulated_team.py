"""A team whose best settings are known: its runs, its maintenance job, day after day."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp
from random import Random
from typing import TYPE_CHECKING

from pytest_nexus.plan.autopilot.ci_runs import CIRunFigures
from pytest_nexus.plan.autopilot.learnable import LEARNABLE, learned_value
from pytest_nexus.plan.autopilot.next_step import next_step
from pytest_nexus.plan.autopilot.setting_records import State
from pytest_nexus.plan.tuning.proposals import ExpectedChange, Proposal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_nexus.plan.autopilot.setting_records import LogEntry

DAY_S = 86_400.0
RUNS_A_DAY = 10


def proposal(setting: str = "shards", value: str = "4", gain: float = 0.3, today: str = "auto") -> (
    Proposal
):  # fmt: skip
    """A proposal that claims to shorten the wall time, and to cost nothing."""
    wall = ExpectedChange("wall_p50_s", 300.0, 300.0 * (1 - gain), -120.0 * gain, -60.0 * gain)
    cost = ExpectedChange("machine_minutes", 10.0, 10.0, -0.2, 0.2)
    place = LEARNABLE[setting].place if setting in LEARNABLE else "workflow"
    return Proposal(setting, place, today, value, (wall, cost), "Replayed on 60 runs.")


@dataclass
class Team:
    """Runs of a team, with the value that each run got."""

    seed: int
    wall: Callable[[dict[str, str], float], float]
    """The median wall seconds, from the learned values and the day."""
    proposals: Callable[[float], Sequence[Proposal]]
    """What the simulation proposes on a day."""
    settings: tuple[str, ...] = ("shards",)
    noise: float = 0.15
    facts: Callable[[dict[str, str], Random], tuple[bool, bool, bool, bool]] = lambda _, random: (
        random.random() < 0.2,
        False,
        random.random() < 0.1,
        True,
    )
    """Failed, missed, flaked, finished."""
    mode: str = "on"
    state: State = field(default_factory=State)
    runs: list[CIRunFigures] = field(default_factory=list)
    days: float = 0.0

    def live(self, days: int) -> list[LogEntry]:
        """Run the tests and the nightly job for some days; return what was decided."""
        before = len(self.state.log)
        random = Random(f"{self.seed} {self.days}")
        for _ in range(days):
            for number in range(RUNS_A_DAY):
                self.runs.append(self._run(random, (self.days + number / RUNS_A_DAY) * DAY_S))
            self.days += 1
            self.work()
        return list(self.state.log[before:])

    def work(self) -> tuple[LogEntry, ...]:
        """Call the maintenance job."""
        step = next_step(
            self.state, self.proposals(self.days), self.runs, self.days * DAY_S,
            self.mode, self.settings,  # type: ignore[arg-type] # a mode
        )  # fmt: skip
        self.state = step.state
        return step.entries

    def values(self, run_id: str | None) -> dict[str, str]:
        """What `auto` means for a run."""
        found = {
            name: learned_value(name, self.state.versions, self.state.open, run_id)
            for name in self.settings
        }
        return {name: value for name, value in found.items() if value is not None}

    def _run(self, random: Random, at: float) -> CIRunFigures:
        run_id = f"{self.seed}.{len(self.runs)}"
        values = self.values(run_id)
        wall_s = self.wall(values, self.days) * exp(random.gauss(0.0, self.noise))
        return CIRunFigures(run_id, at + 1.0, wall_s, 600.0, *self.facts(values, random))


def kinds(entries: Sequence[LogEntry]) -> list[str]:
    """What kinds of decisions these are."""
    return [entry.kind for entry in entries]
