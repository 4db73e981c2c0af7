"""Name the tests that run whatever they used, and why: by their results, marks and rules."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from pytest_nexus.domain.records import CollectedTest, TestKey, TestStats
    from pytest_nexus.plan.order_dependence.order_rule import OrderRule


def standing_reasons(
    tests: Sequence[CollectedTest],
    stats: Mapping[TestKey, TestStats],
    rules: Collection[OrderRule],
    is_quarantined: Callable[[CollectedTest], bool] | None,
) -> dict[int, str]:
    """Return by index why tests run in any case, whatever they used.

    Args:
        tests: as collected.
        stats: what the history knows of the results of tests.
        rules: about tests that depend on the order, or may depend on it. These tests run; if they
            probably depend on the order, the tests that they name run too.
        is_quarantined: returns whether a test is quarantined; None if no test is.
    """
    times = Counter(test.key for test in tests)
    order = reasons_of_order(rules)
    found: dict[int, str] = {}
    for index, test in enumerate(tests):
        if test.runs_always:
            found[index] = "marked nexus_always"
        elif times[test.key] > 1:
            found[index] = "several tests have its name"
        elif is_quarantined is not None and is_quarantined(test):
            found[index] = "quarantined"
        elif reason := _by_results(stats.get(test.key)) or order.get(test.key):
            found[index] = reason
    return found


def reasons_of_order(rules: Collection[OrderRule]) -> dict[TestKey, str]:
    """Return by key why tests run because of the order: dependent tests, and what they need."""
    found: dict[TestKey, str] = {}
    for rule in rules:
        if rule.is_probable:
            found.update((other, f"{rule.key} depends on it") for other in rule.others)
    return found | {rule.key: f"depends on the order: {rule.words}" for rule in rules}


def _by_results(known: TestStats | None) -> str:
    if known is None:
        return "never recorded"
    if known.flakes:
        return "flaky"
    if known.last_outcome != "passed":
        verb = {"error": "had an error"}.get(known.last_outcome, known.last_outcome)
        return f"{verb} last time"
    return ""
