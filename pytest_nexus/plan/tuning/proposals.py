"""Describe a proposed change of a setting, and what the change is expected to do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ExpectedChange:
    """The change of one figure of a run, with its interval."""

    figure: str
    """One of `wall_p50_s`, `wall_p95_s`, `machine_minutes`, `money`, `misses`, `energy_wh`."""
    today: float
    """The figure with the settings of today, in the unit of its name; `misses` are runs."""
    proposed: float
    """The figure with the proposed setting, in the same unit."""
    low: float
    """Lower end of the 95 % interval of `proposed - today`."""
    high: float
    """Upper end of the 95 % interval of `proposed - today`."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """One setting that would serve the goal better with another value."""

    setting: str
    """Name in the table of tunable settings, such as `shards`."""
    place: str
    """Where the setting is made: `pytest.ini` or `workflow`."""
    today: str
    """The value of today, as text of its place."""
    proposed: str
    """The proposed value, as text of its place."""
    changes: tuple[ExpectedChange, ...]
    """The expected change of every figure that the simulation knows."""
    evidence: str
    """One sentence that says on which runs the proposal rests."""
