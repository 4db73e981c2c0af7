"""Find the tests of a run that failed only because of its order; the history counts a pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.journal.encoding import ALONE_NUMBER, FAIL, VERDICT_OF, worker_name
from pytest_nexus.plan.order_dependence.judge import is_proved

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_nexus.history.sqlite.schema import Row


def repaired(rows: Iterable[Row]) -> dict[int, Row]:
    """Return the attempt that counts for each test that failed because of the order, by test id.

    Args:
        rows: attempt rows of one run; the rows of a test are in the order of their numbers.
    """
    again: dict[int, list[Row]] = {}
    for row in rows:
        if row[2] > 1:
            again.setdefault(row[1], []).append(row)
    return {test_id: own[-1] for test_id, own in again.items() if is_repaired(own)}


def is_repaired(again: Sequence[Row]) -> bool:
    """Return whether a test's attempts, without the first, show a failure due to the order."""
    if all((row[8] or 0) < ALONE_NUMBER for row in again):
        return False
    return is_proved([(VERDICT_OF[row[3]] == FAIL, worker_name(row[8])) for row in again])
