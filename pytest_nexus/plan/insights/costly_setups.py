"""Fixtures that cost more than their tests. Pure."""

from __future__ import annotations

from collections import defaultdict
from shlex import quote
from statistics import median
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.wording import fine_seconds
from pytest_nexus.plan.insights.finding import MIN_RUNS, MIN_SAVED_S, Finding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_nexus.plan.insights.finding import Seen, SeenTest

_FACTOR: Final = 1.25
"""Set-ups that take hardly longer than the calls are no fault."""


def costly_setups(seen: Seen) -> list[Finding]:
    """Return the files whose set-ups take much longer than their calls, by the median over runs.

    At best, the set-up would be as cheap as the cheapest one of the file. So this would be saved:
    the sum of the set-ups, minus their number times the smallest.
    """
    files: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for run in seen.runs:
        for path, figures in _by_file(run.tests).items():
            files[path].append(figures)
    found = []
    for path, figures_of_runs in files.items():
        if len(figures_of_runs) < MIN_RUNS:
            continue
        setup_s, call_s, saved_s = (median(each) for each in zip(*figures_of_runs, strict=True))
        if setup_s >= _FACTOR * call_s and saved_s >= MIN_SAVED_S:
            found.append(
                Finding(
                    "fixtures",
                    f"the fixtures of {path} cost more than its tests",
                    saved_s,
                    f"set-ups {fine_seconds(setup_s)}, calls {fine_seconds(call_s)}, in the median"
                    f" of {len(figures_of_runs)} runs",
                    "give a slow fixture a wider scope; this shows the slowest set-ups",
                    f"pytest {quote(path)} --setup-show --durations=10",
                )
            )
    return found


def _by_file(tests: Mapping[str, SeenTest]) -> dict[str, tuple[float, float, float]]:
    setups: dict[str, list[float]] = defaultdict(list)
    calls: dict[str, float] = defaultdict(float)
    for key, test in tests.items():
        path = key.partition("::")[0]
        setups[path].append(test.setup_s)
        calls[path] += test.call_s
    return {
        path: (sum(each), calls[path], sum(each) - len(each) * min(each))
        for path, each in setups.items()
    }
