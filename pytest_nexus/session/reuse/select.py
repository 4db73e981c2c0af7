"""Apply `nexus_select = affected` to a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.errors import NexusError
from pytest_nexus.session.reuse.exemptions import why_all

if TYPE_CHECKING:
    from pytest_nexus.domain.records import Plan
    from pytest_nexus.session.error_boundary import ErrorBoundary
    from pytest_nexus.session.reuse.circumstances import Circumstances


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

        try:
            return leave_out(plan, given, boundary.notices.notify)
        except NexusError as exc:
            boundary.notices.notify(str(exc))
            return plan

    return boundary.part("the reuse of results", "all tests run").call(decided, plan)
