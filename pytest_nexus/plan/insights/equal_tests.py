"""Tests that execute the same and always agree; and tests that depend on the order. Pure."""

from __future__ import annotations

from collections import defaultdict
from shlex import quote
from statistics import median
from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.insights.finding import MIN_RUNS, MIN_SAVED_S, Finding

if TYPE_CHECKING:
    from pytest_nexus.plan.insights.finding import Seen

_LEAST_RUNS: Final = 20
_LEAST_USED: Final = 3
"""Tests that use fewer things overlap by chance."""


def equal_tests(seen: Seen) -> list[Finding]:
    """Return groups of tests that used exactly the same when they passed, and failed together.

    Their own code differs, so it must not be among `Seen.executed`. All but the quickest would be
    saved. Tests that never failed agree too, but only over at least 20 common runs.
    """
    groups: dict[frozenset[int], list[str]] = defaultdict(list)
    for key, used in seen.executed.items():
        if len(used) >= _LEAST_USED:
            groups[used].append(key)
    found = []
    for used, keys in groups.items():
        together = [run for run in seen.runs if all(key in run.tests for key in keys)]
        if len(keys) < 2 or len(together) < _LEAST_RUNS:
            continue
        if any(len({run.tests[key].has_failed for key in keys}) > 1 for run in together):
            continue
        costs = sorted(median(run.tests[key].seconds for run in together) for key in keys)
        if sum(costs[1:]) >= MIN_SAVED_S:
            found.append(
                Finding(
                    "equal tests",
                    f"{len(keys)} tests execute the same as {min(keys)}",
                    sum(costs[1:]),
                    f"the same {len(used)} things used, equal outcomes in {len(together)} runs",
                    "look whether one of them is enough; this runs the first of them",
                    f"pytest {' '.join(map(quote, sorted(keys)[:3]))}",
                )
            )
    return found


def order_dependents(seen: Seen) -> list[Finding]:
    """Return the tests that are known to depend on the order, with the seconds of their repeats."""
    found = []
    for rule in seen.rules:
        runs = [run for run in seen.runs if rule.key in run.tests]
        repeated = sum(run.tests[rule.key].repeated_s for run in runs)
        if rule.is_certain and len(runs) >= MIN_RUNS and repeated / len(runs) >= MIN_SAVED_S:
            found.append(
                Finding(
                    "order",
                    f"{rule.key} {rule.words}",
                    repeated / len(runs),
                    f"{rule.n_failed} failed and {rule.n_passed} passed attempts",
                    "find the other test",
                    f"nexus order bisect {quote(rule.key)}",
                )
            )
    return found
