"""Collect the facts of all sections of a dashboard from a history."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pytest_nexus.domain.system import clock
from pytest_nexus.domain.system.gc_pause import paused_gc
from pytest_nexus.plan.quarantine.file import Quarantine
from pytest_nexus.report.facts.flaky_section import flaky_facts
from pytest_nexus.report.facts.machines_section import EnergyFacts, energy_facts, machines_facts
from pytest_nexus.report.facts.model_section import model_facts
from pytest_nexus.report.facts.now_section import now_facts
from pytest_nexus.report.facts.selection_section import selection_facts
from pytest_nexus.report.facts.sources import read_sources, today_utc
from pytest_nexus.report.facts.suite_section import CELLS, suite_facts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from pytest_nexus.history.store import History
    from pytest_nexus.plan.delivery.four_keys import FourKeys
    from pytest_nexus.report.facts.flaky_section import FlakyFacts
    from pytest_nexus.report.facts.machines_section import MachinesFacts
    from pytest_nexus.report.facts.model_section import ModelFacts
    from pytest_nexus.report.facts.now_section import NowFacts
    from pytest_nexus.report.facts.selection_section import ReplayedPoint, SelectionFacts
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
    delivery: tuple[FourKeys, ...] = ()
    """The four key figures of each environment."""

    def as_json(self) -> dict[str, Any]:
        """Return the facts as JSON values; names of fields as in the classes."""
        return asdict(self)


def collect_facts(
    history: History,
    *,
    runs: int = 500,
    quarantine: Quarantine | None = None,
    today: date | None = None,
    replayed: Sequence[ReplayedPoint] = (),
    delivery: Sequence[FourKeys] = (),
) -> DashboardFacts:
    """Return the facts of a history.

    Args:
        history: open for reading.
        runs: number of the newest runs to read.
        quarantine: the entries of the quarantine file; None without such a file.
        today: the day for the time left to quarantined tests; None for now.
        replayed: the curve of a replayed selection; nothing if there was no replay.
        delivery: figures of environments, which need the commits in git.

    Raises:
        HistoryError: the history cannot be read; one sentence names the remedy.
    """
    with paused_gc():
        given = Quarantine() if quarantine is None else quarantine
        day = today_utc(clock.time()) if today is None else today
        sources = read_sources(history, runs, CELLS, given, day)
        starts = [each.run.started_at for each in sources.runs]
        return DashboardFacts(
            newest_at=max(starts, default=None),
            oldest_at=min(starts, default=None),
            n_runs=len(starts),
            n_all_runs=history.count_runs(),
            n_tests=history.count_tests(),
            is_slim=history.is_slim,
            now=now_facts(sources),
            suite=suite_facts(sources),
            flaky=flaky_facts(sources),
            model=model_facts(sources),
            selection=selection_facts(sources, replayed),
            machines=machines_facts(sources),
            energy=energy_facts(sources),
            delivery=tuple(delivery),
        )
