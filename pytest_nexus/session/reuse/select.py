"""Apply `nexus_select = affected` to a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_nexus.session.reuse.exemptions import why_all

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from pytest_nexus.domain.records import (
        Change,
        CollectedTest,
        OrderRule,
        Plan,
        TestKey,
        TestStats,
    )
    from pytest_nexus.session.error_boundary import ErrorBoundary


class Circumstances(NamedTuple):
    """What is known when someone decides which tests need not run."""

    root: Path
    """pytest's root directory."""
    environ: Mapping[str, str]
    history: Path
    change: Change
    facts: Callable[[], Mapping[str, str]]
    """Return the digests of the facts of the session by name."""
    stats: Mapping[TestKey, TestStats]
    rules: Collection[OrderRule] = ()
    is_quarantined: Callable[[CollectedTest], bool] | None = None
    is_asked: bool = False
    """Whether the command line asks for the selection; it applies then in every run of a CI."""


def select_affected(plan: Plan, given: Circumstances, boundary: ErrorBoundary) -> Plan:
    """Return the plan without the tests whose results are known; all tests run after an error.

    Args:
        plan: of all collected tests, with the verdicts of plugins.
        given: what is known.
        boundary: catches errors, and takes sentences for the user.
    """
    sentence = "" if given.is_asked else why_all(given.environ, given.change.branch)
    if sentence:
        boundary.notices.notify(sentence)
        return plan

    def decided() -> Plan:
        from pytest_nexus.session.reuse.affected import leave_out  # noqa: PLC0415 - in the boundary

        return leave_out(plan, given, boundary.notices.notify)

    return boundary.part("the reuse of results", "all tests run").call(decided, plan)
