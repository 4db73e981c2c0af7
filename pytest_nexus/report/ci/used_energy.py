"""Estimate the energy of a CI run from the processor time of its sessions. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.energy.power import CLASSES, DEFAULT_CLASS, WH_PER_KWH
from pytest_nexus.energy.run_energy import RunWork, run_energy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_nexus.journal.sessions import Session


def used_wh(sessions: Iterable[Session]) -> float | None:
    """Return the watt hours of all sessions, for the default class of machines.

    None means that there is no session, or that the processor time of one is unknown.
    """
    kind, found = CLASSES[DEFAULT_CLASS], []
    for one in sessions:
        run = one.run
        work = RunWork(run.duration_s, 0.0, run.workers, run.cpu_s, run.cores)
        energy = run_energy(kind, work, None) if work.is_measured else None
        if energy is None:
            return None
        found.append(energy.footprint.kwh * WH_PER_KWH)
    return sum(found) if found else None
