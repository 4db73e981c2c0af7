"""All finders, and the findings that would save the most. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.insights.costly_setups import costly_setups
from pytest_nexus.plan.insights.equal_tests import equal_tests, order_dependents
from pytest_nexus.plan.insights.failing_places import failing_places
from pytest_nexus.plan.insights.finding import MIN_RUNS, is_worth_a_line, runs_per_week
from pytest_nexus.plan.insights.flaky_seconds import flaky_seconds
from pytest_nexus.plan.insights.missing_caches import missing_caches
from pytest_nexus.plan.insights.place_bound_tests import place_bound_tests
from pytest_nexus.plan.insights.slow_imports import slow_imports
from pytest_nexus.plan.insights.slower_tests import slower_tests
from pytest_nexus.plan.insights.waiting_shards import repeated_jobs, waiting_shards

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_nexus.plan.insights.finding import Finding, Seen

FINDERS: Final[tuple[Callable[[Seen], list[Finding]], ...]] = (
    costly_setups,
    slower_tests,
    equal_tests,
    waiting_shards,
    repeated_jobs,
    failing_places,
    place_bound_tests,
    flaky_seconds,
    order_dependents,
    slow_imports,
    missing_caches,
)

MOST: Final = 10


def findings(seen: Seen, most: int = MOST) -> list[Finding]:
    """Return the findings that would save the most seconds a run, the largest first.

    With fewer than `MIN_RUNS` runs, nobody knows the savings of a week, so all findings are listed.
    """
    weekly = runs_per_week(seen.runs) if len(seen.runs) >= MIN_RUNS else math.inf
    found = [
        each for find in FINDERS for each in find(seen) if is_worth_a_line(each.saved_s, weekly)
    ]
    return sorted(found, key=lambda each: (-each.saved_s, each.sentence))[:most]
