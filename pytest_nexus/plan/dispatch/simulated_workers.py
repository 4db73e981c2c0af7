"""Run the dispatch in simulated time, with workers that behave like xdist's."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import isfinite
from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.dispatch.commands import Send, Withdraw
from pytest_nexus.plan.dispatch.policy import Dispatch
from pytest_nexus.plan.dispatch.units import Unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.plan.dispatch.commands import Command
    from pytest_nexus.plan.dispatch.units import Workload

LATENCY_S: Final = 5e-4
"""Seconds that a message takes between the controller and a worker."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The events of a simulated run."""

    makespan_s: float
    ended_s: dict[int, float]
    """End time of each test in seconds, by collection index."""
    worker_of: dict[int, str]
    """Worker of each test by collection index, in the order in which the tests ended."""


def simulate_workers(
    work: Workload,
    n_workers: int,
    durations: Sequence[float] | None = None,
    latency_s: float = LATENCY_S,
    *,
    reruns: bool = False,
) -> Rehearsal:
    """Return the result of running the dispatch on a workload.

    Args:
        work: the workload, with expected durations.
        n_workers: number of workers, all ready at once.
        durations: actual seconds by collection index; the expected ones by default. A set-up
            repeated because of a cut is added as the workload states.
        latency_s: of each message, in seconds.
        reruns: whether tests might be repeated; in the simulation none is.
    """
    dispatch = Dispatch(work, n_workers, reruns=reruns)
    stage = _Simulation(work, dispatch, n_workers, durations or work.seconds, latency_s)
    stage.perform(stage.dispatch.join(list(stage.actors), 0.0))
    while stage.agenda:
        stage.step()
    return Rehearsal(max(stage.ended.values(), default=0.0), stage.ended, stage.worker_of)


@dataclass(slots=True)
class _SimulatedWorker:
    """A worker. It holds the running test and the next one; the others are in its queue."""

    name: str
    torun: deque[int | None] = field(default_factory=deque)
    """None stands for the command to end."""
    held: int | None = None
    ran: int | None = None
    is_busy: bool = False
    has_ended: bool = False


class _Simulation:
    def __init__(
        self,
        work: Workload,
        dispatch: Dispatch,
        n_workers: int,
        durations: Sequence[float],
        latency_s: float,
    ) -> None:
        self.dispatch = dispatch
        self.actors = {f"gw{n}": _SimulatedWorker(f"gw{n}") for n in range(n_workers)}
        self.agenda: list[tuple[float, int, str, str, object]] = []
        self.ended: dict[int, float] = {}
        self.worker_of: dict[int, str] = {}
        self.now = 0.0
        self._durations = [*durations, 0.0]  # the last is the placeholder's, if there is one
        self._latency_s = latency_s
        self._joints = _joints(work)
        self._serial = 0

    def step(self) -> None:
        """Advance to the next event."""
        self.now, _, what, name, value = heappop(self.agenda)
        handler = {
            "command": self._receive,
            "end": self._end,
            "finished": self._finished,
            "answer": self._answer,
        }[what]
        handler(self.actors[name], value)

    def perform(self, commands: list[Command]) -> None:
        """Send commands, which arrive after the latency."""
        for command in commands:
            self._later(self._latency_s, "command", command.worker, command)
        if self.dispatch.is_finished:
            for actor in self.actors.values():
                if not actor.has_ended:
                    actor.has_ended = True
                    self._later(self._latency_s, "command", actor.name, None)

    def _later(self, delay_s: float, what: str, name: str, value: object) -> None:
        self._serial += 1
        heappush(self.agenda, (self.now + delay_s, self._serial, what, name, value))

    def _receive(self, actor: _SimulatedWorker, command: object) -> None:
        if isinstance(command, Send):
            actor.torun.extend(command.indices)
        elif isinstance(command, Withdraw):
            wanted = set(command.indices)
            given = tuple(index for index in actor.torun if index in wanted)
            if len(given) < len(wanted):
                given = ()
            actor.torun = deque(index for index in actor.torun if index not in given)
            self._later(self._latency_s, "answer", actor.name, given)
        else:
            actor.torun.append(None)
        self._go_on(actor)

    def _go_on(self, actor: _SimulatedWorker) -> None:
        if actor.is_busy:
            return
        if actor.held is None and actor.torun:
            actor.held = actor.torun.popleft()
        if actor.held is None or not actor.torun:
            return
        index, actor.held = actor.held, actor.torun.popleft()
        actor.is_busy = True
        before, price = self._joints.get(index, (None, 0.0))
        repeated = price if before is not None and actor.ran != before else 0.0
        actor.ran = index
        self._later(self._durations[index] + repeated, "end", actor.name, index)

    def _end(self, actor: _SimulatedWorker, index: object) -> None:
        assert isinstance(index, int)
        actor.is_busy = False
        if index != self.dispatch.placeholder:
            self.ended[index] = self.now
            self.worker_of[index] = actor.name
        self._later(self._latency_s, "finished", actor.name, index)
        self._go_on(actor)

    def _finished(self, actor: _SimulatedWorker, index: object) -> None:
        assert isinstance(index, int)
        spent = self._durations[index]
        self.perform(self.dispatch.finish(actor.name, index, spent, self.now))

    def _answer(self, actor: _SimulatedWorker, indices: object) -> None:
        assert isinstance(indices, tuple)
        self.perform(self.dispatch.withdrawn(actor.name, indices, self.now))


def _joints(work: Workload) -> dict[int, tuple[int, float]]:
    """Return, for each test of a unit, its predecessor and the cost of a cut between them."""
    return {
        index: (before, price)
        for job in work.jobs
        if isinstance(job, Unit)
        for before, index, price in zip(job.indices, job.indices[1:], job.joints[1:], strict=False)
        if isfinite(price)
    }
