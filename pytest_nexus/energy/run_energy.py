"""Estimate the energy of runs, and the parts of their tests in it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_nexus.energy.emissions import Footprint, footprint
from pytest_nexus.energy.power import Use

if TYPE_CHECKING:
    from pytest_nexus.energy.power import MachineClass


class RunWork(NamedTuple):
    """What a history knows about the work of one run."""

    wall_s: float | None
    """None if the end was not recorded."""
    tests_s: float
    """Seconds of all attempts."""
    workers: int
    """xdist workers; 0 without xdist."""
    cpu_s: float | None
    """Processor seconds of the session and its workers; None if unknown."""
    cores: int | None

    @property
    def is_measured(self) -> bool:
        """Whether the processor seconds are known."""
        return self.cpu_s is not None and self.cores is not None

    @property
    def lane_s(self) -> float:
        """Seconds of all processes that run tests; at least those of the attempts."""
        return max(self.tests_s, (self.wall_s or 0.0) * max(self.workers, 1))


class RunEnergy(NamedTuple):
    """The estimate for one run."""

    footprint: Footprint
    kwh_per_test_s: float
    """Energy of one second of a test; its sum over the attempts is at most that of the run."""


def use_of(work: RunWork) -> Use | None:
    """Return what a run took of its machine; None if its wall time is unknown.

    Without processor seconds, every process that runs tests counts as one core that is busy all the
    time, on a machine without more cores.
    """
    if work.wall_s is None:
        return None
    if work.cpu_s is not None and work.cores is not None:
        return Use(work.wall_s, work.cpu_s, work.cores)
    cores = max(work.workers, 1)
    return Use(work.wall_s, work.wall_s * cores, cores)


def run_energy(kind: MachineClass, work: RunWork, g_per_kwh: float | None) -> RunEnergy | None:
    """Return the estimate for a run; None if its wall time is unknown.

    Args:
        kind: class of the machine, which the run had to itself.
        work: of the run.
        g_per_kwh: intensity of the grid; None if unknown.
    """
    use = use_of(work)
    if use is None:
        return None
    found = footprint(kind, use, g_per_kwh)
    return RunEnergy(found, found.kwh / work.lane_s if work.lane_s > 0.0 else 0.0)
