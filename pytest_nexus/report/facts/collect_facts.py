"""Collect the facts of all sections of a dashboard from a history."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_nexus.report.facts.flaky_section import FlakyFacts
    from pytest_nexus.report.facts.machines_section import EnergyFacts, MachinesFacts
    from pytest_nexus.report.facts.model_section import ModelFacts
    from pytest_nexus.report.facts.now_section import NowFacts
    from pytest_nexus.report.facts.selection_section import SelectionFacts
    from pytest_nexus.report.facts.suite_section import SuiteFacts


@dataclass(frozen=True, slots=True)
class DashboardFacts:
    """All facts of a dashboard. Times are seconds since the epoch, durations seconds."""

    newest_at: float | None
    """Start of the newest run; None for a history without runs."""
    oldest_at: float | None
    """Start of the oldest run that was read."""
    n_runs: int
    """Runs that were read."""
    n_all_runs: int
    """Trusted runs in the history."""
    n_tests: int
    is_slim: bool
    """Whether the history is a copy without attempts; strips and flakes are then missing."""
    now: NowFacts
    suite: SuiteFacts
    flaky: FlakyFacts
    model: ModelFacts
    selection: SelectionFacts
    machines: MachinesFacts
    energy: EnergyFacts

    def as_json(self) -> dict[str, Any]:
        """Return the facts as JSON values; names of fields as in the classes."""
        return asdict(self)
