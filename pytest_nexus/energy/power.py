"""Estimate the power and the energy of a machine from its cores and from how busy they were.

The power of a core follows the curve of one class of machines: watts at some utilisations, joined
by straight lines. Memory is added by its size, and the data centre's overhead multiplies the sum.
All figures are estimates: no class knows the processor at hand.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final, NamedTuple

WH_PER_KWH: Final = 1000.0
S_PER_HOUR: Final = 3600.0

_TEADS: Final = ((0.0, 0.12), (0.1, 0.32), (0.5, 0.75), (1.0, 1.02))
"""Share of the thermal design power by utilisation.

Source: B. Davy, "Building an AWS EC2 carbon emissions dataset", Teads Engineering, 2021.
"""


class MachineClass(NamedTuple):
    """What is assumed of a kind of machine."""

    name: str
    curve: tuple[tuple[float, float], ...]
    """Utilisation in [0, 1], ascending from 0 to 1, and watts per logical core."""
    memory_gb: float
    """Gigabytes per logical core."""
    overhead: float
    """Power usage effectiveness: power of the building over power of the machines."""
    embodied_g_per_hour: float
    """Grams of CO2e per logical core and hour, for making the machine."""
    source: str


def _by_tdp(watts: float, cores: int) -> tuple[tuple[float, float], ...]:
    return tuple((use, share * watts / cores) for use, share in _TEADS)


WATTS_PER_GB: Final = 0.392
"""Watts per gigabyte of memory. Source: Cloud Carbon Footprint, methodology, appendix I."""

CLASSES: Final = {
    each.name: each
    for each in (
        MachineClass(
            "hosted",
            ((0.0, 0.74), (1.0, 3.54)),
            4.0,
            1.185,
            1_200_000 / (4 * 8766) / 96,
            "Cloud Carbon Footprint: average of Azure's processors, 0.74 to 3.54 W per virtual"
            " core, overhead 1.185; 1,200 kg CO2e per server over 4 years and 96 virtual cores",
        ),
        MachineClass(
            "server",
            _by_tdp(205.0, 56),
            4.0,
            1.58,
            1_200_000 / (4 * 8766) / 112,
            "205 W for 56 logical cores with the curve of Teads; overhead 1.58: Uptime Institute,"
            " survey of 2023; 1,200 kg CO2e per server over 4 years",
        ),
        MachineClass(
            "desktop",
            _by_tdp(65.0, 16),
            2.0,
            1.0,
            200_000 / (4 * 8766) / 16,
            "65 W for 16 logical cores with the curve of Teads; 200 kg CO2e over 4 years",
        ),
        MachineClass(
            "laptop",
            _by_tdp(28.0, 12),
            1.5,
            1.0,
            200_000 / (4 * 8766) / 12,
            "28 W for 12 logical cores with the curve of Teads; 200 kg CO2e over 4 years",
        ),
    )
}
"""The classes by name."""

DEFAULT_CLASS: Final = "hosted"


class Use(NamedTuple):
    """What one piece of work took of a machine."""

    wall_s: float
    busy_s: float
    """Processor seconds, over all cores."""
    cores: int
    """Logical cores of the machine, which the work had to itself."""


def power_w(kind: MachineClass, utilisation: float, cores: int) -> float:
    """Return the watts of a machine with its memory, before the overhead of the building.

    Args:
        kind: the class of the machine.
        utilisation: share of the cores that were busy; values outside of [0, 1] count as the limit.
        cores: logical cores.
    """
    share = min(max(utilisation, 0.0), 1.0)
    per_core = kind.curve[-1][1]
    for (left, low), (right, high) in pairwise(kind.curve):
        if share <= right:
            per_core = low + (high - low) * (share - left) / (right - left)
            break
    return max(cores, 1) * (per_core + kind.memory_gb * WATTS_PER_GB)


def energy_kwh(kind: MachineClass, use: Use) -> float:
    """Return the kilowatt hours of a piece of work, overhead included; 0 for no time.

    More processor seconds than the cores can give count as all cores busy.
    """
    if use.wall_s <= 0.0:
        return 0.0
    utilisation = use.busy_s / (use.wall_s * max(use.cores, 1))
    watts = power_w(kind, utilisation, use.cores)
    return watts * kind.overhead * use.wall_s / S_PER_HOUR / WH_PER_KWH


def embodied_g(kind: MachineClass, use: Use) -> float:
    """Return the grams of CO2e for making the machine, by the share of its life that was used."""
    return kind.embodied_g_per_hour * max(use.cores, 1) * max(use.wall_s, 0.0) / S_PER_HOUR
