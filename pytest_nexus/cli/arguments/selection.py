"""Decide for a command which collected tests need not run, as `nexus_select` does in a session."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytest_nexus.cli.quarantine import read_quarantine
from pytest_nexus.domain.system import originals
from pytest_nexus.domain.system.console import warn_of
from pytest_nexus.plan.selection.max_age import parse_max_age
from pytest_nexus.plan.selection.modes import Asked, parse_mode
from pytest_nexus.project import journal_folder, quarantine_path
from pytest_nexus.session.error_boundary import ErrorBoundary
from pytest_nexus.session.reuse.circumstances import Circumstances
from pytest_nexus.session.selection.narrow import Narrowed, narrow

if TYPE_CHECKING:
    from pytest_nexus.cli.arguments.forecasts import Remembered
    from pytest_nexus.domain.records import Change, CollectedTest, Plan
    from pytest_nexus.launch.collect_plugin import CollectedSession


class Known(NamedTuple):
    """What the command knows besides the tests."""

    history: Path
    change: Change
    remembered: Remembered
    is_model_lost: bool = False
    """Whether the forecasts are not those of the deployed model."""


def selected(plan: Plan, session: CollectedSession | None, known: Known) -> Narrowed:
    """Return the plan as a session would select its tests; warn of what is missing.

    Args:
        plan: of all collected tests.
        session: as collected; None if there is none.
        known: what the command knows.
    """
    if session is None or session.select == "off":
        return Narrowed(plan)
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
        known.remembered.stats,
        known.remembered.rules.values(),
        is_quarantined if quarantine.entries else None,
        journal_folder(),
        is_asked=session.is_asked,
        rule=session.select,
        failing=known.remembered.streaks.here or (),
        is_model_of_evidence=not known.is_model_lost,
    )
    mode, age = parse_mode(session.select), parse_max_age(session.max_age)
    asked = Asked(mode, tuple(session.always), age, session.is_shadow)
    narrowed = narrow(plan, given, asked, boundary)
    for sentence in boundary.notices:
        warn_of(sentence)
    return narrowed
