"""Turn energy into emissions: the Software Carbon Intensity, SCI = (E x I + M) per R.

Source: Green Software Foundation, SCI specification 1.0, published as ISO/IEC 21031:2024.
"""

from __future__ import annotations

from typing import NamedTuple

from pytest_nexus.energy.power import MachineClass, Use, embodied_g, energy_kwh


class Footprint(NamedTuple):
    """The estimate for one functional unit R: one run, one training, or more."""

    kwh: float
    operational_g: float | None
    """E x I in grams of CO2e; None where the intensity of the grid is unknown."""
    made_g: float
    """M: the share of making the machine, in grams of CO2e."""

    @property
    def total_g(self) -> float | None:
        """E x I + M; None where the intensity is unknown."""
        return None if self.operational_g is None else self.operational_g + self.made_g


def footprint(kind: MachineClass, use: Use, g_per_kwh: float | None) -> Footprint:
    """Return the footprint of a piece of work.

    Args:
        kind: the class of the machine.
        use: what the work took of the machine.
        g_per_kwh: intensity of the grid; None if unknown.
    """
    kwh = energy_kwh(kind, use)
    return Footprint(kwh, None if g_per_kwh is None else kwh * g_per_kwh, embodied_g(kind, use))


def total(parts: list[Footprint]) -> Footprint:
    """Return the sum; the operational grams are None if those of any part are."""
    known = [each.operational_g for each in parts if each.operational_g is not None]
    return Footprint(
        sum(each.kwh for each in parts),
        sum(known) if len(known) == len(parts) else None,
        sum(each.made_g for each in parts),
    )
