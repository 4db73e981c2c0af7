"""Run the remaining tests with pytest's own protocol, after nexus' loop failed midway."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal

from pytest_nexus.compat import pytest_internals

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

_NEXT: Final[dict[str, Literal["call", "teardown"]]] = {"setup": "call", "call": "teardown"}


def run_rest(session: pytest.Session, items: Sequence[pytest.Item]) -> None:
    """Run some items as pytest's own loop does.

    Raises:
        pytest.Session.Failed: enough tests failed to stop the session.
        pytest.Session.Interrupted: the session must stop.
    """
    for item, nextitem in pairwise([*items, None]):
        if item is None:  # never: the last pair begins with the last item
            return
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=nextitem)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)


def finish_attempt(
    item: pytest.Item, nextitem: pytest.Item | None, last: pytest.TestReport
) -> list[pytest.TestReport]:
    """Run the phases that follow a phase of an item, and return their reports.

    Args:
        item: the item whose attempt was interrupted by an error.
        nextitem: the item for which the tear-down prepares.
        last: report of the last phase that ran.
    """
    reports = []
    phase = _NEXT.get(str(last.when))
    if phase == "call" and last.passed:
        reports.append(pytest_internals.run_phase(item, "call"))
    if phase is not None:
        reports.append(pytest_internals.run_phase(item, "teardown", nextitem=nextitem))
    return reports
