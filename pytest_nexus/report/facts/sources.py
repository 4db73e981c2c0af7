"""Read from a history what several sections of a dashboard need, each thing once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.flakiness.assess import assess_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_nexus.domain.records import TestKey, TestStats
    from pytest_nexus.history.figures.all_figures import Figures, Strips
    from pytest_nexus.history.figures.ends import End
    from pytest_nexus.history.figures.sums import FailedTest, RunTimes
    from pytest_nexus.history.queries.quality import QualityOfRun
    from pytest_nexus.history.sqlite.runs import RunSummary
    from pytest_nexus.history.store import History
    from pytest_nexus.plan.flakiness.assess import Flakiness
    from pytest_nexus.plan.flakiness.outcomes import OutcomeInRun
    from pytest_nexus.plan.order_dependence.order_rule import OrderRule
    from pytest_nexus.plan.quarantine.file import Quarantine, QuarantineEntry

MOST_ASSESSED: Final = 150
"""Tests whose flakiness is assessed: those that flaked, then those that failed last."""

DAY_S: Final = 86_400
WEEK_S: Final = 7 * DAY_S
_MONDAY_S: Final = 4 * DAY_S
"""The first Monday after the epoch."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What was read from a history."""

    history: History
    figures: Figures
    runs: Sequence[RunSummary]
    """The newest runs with outcomes, newest first."""
    times: Mapping[str, RunTimes]
    """By run_uid."""
    failed: Mapping[str, Sequence[tuple[str, FailedTest]]]
    """Tests whose first attempt failed, by run_uid."""
    strips: Strips
    ends: Sequence[End]
    """Tests that fail at the end of a branch."""
    stats: Mapping[TestKey, TestStats]
    rules: Mapping[TestKey, OrderRule]
    flakiness: Sequence[Flakiness]
    """Of the tests that failed, the most expensive first."""
    seen: Mapping[TestKey, Sequence[OutcomeInRun]]
    """The outcomes behind `flakiness`."""
    n_not_assessed: int
    qualities: Sequence[QualityOfRun]
    """Figures about predictions, oldest first, of runs in `runs`."""
    quarantine: Quarantine
    today: date

    def entry_of(self, key: str) -> QuarantineEntry | None:
        """Return the entry of the quarantine file for a test."""
        known = self.stats.get(key)  # type: ignore[call-overload] # a key of the history
        return self.quarantine.find(key, key, known.function_key if known else key)

    def owner_of(self, key: str) -> str:
        """Return who mends a test; empty if nobody is named."""
        entry = self.entry_of(key)
        return entry.owner if entry is not None else ""


def read_sources(
    history: History, runs: int, n_cells: int, quarantine: Quarantine, today: date
) -> Sources:
    """Return what the sections need.

    Args:
        history: open for reading.
        runs: number of the newest runs to read.
        n_cells: runs in the strip of a test.
        quarantine: the entries of the quarantine file.
        today: for the time that is left to each entry.
    """
    figures = history.figures(runs)
    stats = history.stats()
    rules = history.order_rules.read()
    found = figures.runs
    suspects = _suspects(stats, rules)
    seen = figures.sightings(suspects[:MOST_ASSESSED])
    own = {each.run.run_uid for each in found}
    return Sources(
        history=history,
        figures=figures,
        runs=found,
        times=figures.times(),
        failed=figures.failed(),
        strips=figures.strips(n_cells),
        ends=figures.ends(),
        stats=stats,
        rules=rules,
        flakiness=assess_all(seen, rules),
        seen=seen,
        n_not_assessed=max(0, len(suspects) - MOST_ASSESSED),
        qualities=[each for each in history.quality.read(runs) if each.run_uid in own],
        quarantine=quarantine,
        today=today,
    )


def _suspects(stats: Mapping[TestKey, TestStats], rules: Iterable[TestKey]) -> list[TestKey]:
    """Return the tests that `nexus flaky` looks at, those with most to tell first."""
    ruled = set(rules)
    found = [key for key, known in stats.items() if known.failures or key in ruled]
    return sorted(found, key=lambda key: _urgency(stats[key], is_ruled=key in ruled))


def _urgency(known: TestStats, *, is_ruled: bool) -> tuple[bool, int, int, str]:
    since = known.runs_since_failure
    return (not is_ruled, -known.flakes, 10**9 if since is None else since, known.key)


def day_of(at: float) -> float:
    """Return the start of a day, 00:00 UTC.

    >>> day_of(86_400.0 * 3 + 5)
    259200.0
    """
    return at // DAY_S * DAY_S


def week_of(at: float) -> float:
    """Return the start of a week, Monday 00:00 UTC.

    >>> from datetime import UTC, datetime
    >>> datetime.fromtimestamp(week_of(1_700_000_000), UTC).strftime("%A %d %b %Y")
    'Monday 13 Nov 2023'
    """
    return (at - _MONDAY_S) // WEEK_S * WEEK_S + _MONDAY_S


def today_utc(at: float) -> date:
    """Return the day of a moment."""
    return datetime.fromtimestamp(at, UTC).date()
