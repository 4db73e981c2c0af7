"""Decide for a command which collected tests need not run, as `nexus_select` does in a session."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytest_nexus.cli.quarantine import read_quarantine
from pytest_nexus.domain.system import originals
from pytest_nexus.domain.system.console import warn_of
from pytest_nexus.project import journal_folder, quarantine_path
from pytest_nexus.session.error_boundary import ErrorBoundary
from pytest_nexus.session.reuse.circumstances import Circumstances
from pytest_nexus.session.reuse.select import select_affected

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pytest_nexus.domain.records import (
        Change,
        CollectedTest,
        OrderRule,
        Plan,
        TestKey,
        TestStats,
    )
    from pytest_nexus.launch.collect_plugin import CollectedSession


class Known(NamedTuple):
    """What the command knows besides the tests."""

    history: Path
    change: Change
    stats: Mapping[TestKey, TestStats]
    rules: Collection[OrderRule]


def selected(plan: Plan, session: CollectedSession | None, known: Known) -> Plan:
    """Return the plan as a session would select its tests; warn of what is missing.

    Args:
        plan: of all collected tests.
        session: as collected; None if there is none.
        known: what the command knows.
    """
    if session is None or not session.selects:
        return plan
    quarantine = read_quarantine(quarantine_path(None))

    def is_quarantined(test: CollectedTest) -> bool:
        return quarantine.find(test.nodeid, test.key, test.function_key) is not None

    boundary = ErrorBoundary()
    given = Circumstances(
        Path(session.root),
        originals.environ,
        known.history,
        known.change,
        lambda: session.facts,
        known.stats,
        known.rules,
        is_quarantined if quarantine.entries else None,
        journal_folder(),
        is_asked=session.is_asked,
    )
    decided = select_affected(plan, given, boundary)
    for sentence in boundary.notices:
        warn_of(sentence)
    return decided
