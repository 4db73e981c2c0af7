"""Apply `nexus_select = affected` to the plan of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_nexus.session.reuse.exemptions import why_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_nexus.domain.records import Change, OrderRule, Plan, TestKey, TestStats
    from pytest_nexus.session.error_boundary import ErrorBoundary
    from pytest_nexus.session.setup import SessionSetup


class Known(NamedTuple):
    """What a session knows when its tests are selected."""

    change: Change
    stats: Mapping[TestKey, TestStats]
    rules: Iterable[OrderRule]


def select_affected(plan: Plan, setup: SessionSetup, known: Known, boundary: ErrorBoundary) -> Plan:
    """Return the plan without the tests whose results are known; all tests run after an error.

    Args:
        plan: of all collected tests.
        setup: of the session.
        known: the change, and the results so far.
        boundary: catches errors, and takes sentences for the user.
    """
    if setup.options.sources["nexus_select"] != "command line":
        sentence = why_all(setup.environ, known.change.branch)
        if sentence:
            boundary.notices.notify(sentence)
            return plan

    def decided() -> Plan:
        from pytest_nexus.session.reuse.affected import Circumstances, leave_out  # noqa: PLC0415 - in the boundary

        given = Circumstances(
            setup.root,
            setup.environ,
            setup.options.history,
            known.change,
            setup.facts(),
            known.stats,
            known.rules,
            setup.is_quarantined,
        )
        return leave_out(plan, given, boundary.notices.notify)

    return boundary.part("the reuse of results", "all tests run").call(decided, plan)
