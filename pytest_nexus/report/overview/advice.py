"""What to do next, by the facts of a history. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.wording import counted
from pytest_nexus.plan.quarantine.update import MIN_FLAKES, MIN_RATE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from pytest_nexus.report.facts.collect_facts import DashboardFacts
    from pytest_nexus.report.facts.flaky_section import FlakyTest

_MOST: Final = 5


def advice(facts: DashboardFacts, *, training_due: str = "") -> list[str]:
    """Return what to do, the most urgent first, at most five sentences.

    Args:
        facts: of the history.
        training_due: why a training is due; empty if none is.
    """
    return list(_all(facts, training_due))[:_MOST]


def _all(facts: DashboardFacts, training_due: str) -> Iterator[str]:
    if facts.now.new_failures:
        newest = facts.now.new_failures[0]
        yield f"mend {newest.key}: `nexus explain '{newest.key}'` shows what speaks for it"
    about_drift = facts.model.drift.advice if facts.model.drift.is_drifting else ""
    if about_drift:
        yield about_drift
    if training_due and "`nexus train`" not in about_drift:
        yield f"call `nexus train`: {training_due}"
    expired = [one.id for one in facts.flaky.quarantine if (one.days_left or 0) < 0]
    if expired:
        yield f"mend {expired[0]}, whose quarantine has ended, or give it a later day"
    known = {one.id for one in facts.flaky.quarantine}
    often = [one for one in facts.flaky.tests if _is_for_quarantine(one, known)]
    if often:
        number = counted(len(often), "test")
        yield f"`nexus quarantine update` would keep {number} from failing builds"
    pending = facts.machines.reliability.pending
    if pending:
        yield f"look at artifacts that were not taken in: {pending[0][1]}"


def _is_for_quarantine(one: FlakyTest, quarantined: Collection[str]) -> bool:
    """Return whether `nexus quarantine update` would take a test in, as far as the facts tell."""
    is_often = one.flakes >= MIN_FLAKES and (one.low or 0.0) > MIN_RATE
    return one.status == "flaky" and is_often and one.key not in quarantined
