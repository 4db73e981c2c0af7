"""Flaky tests, and what their repetitions cost. Pure."""

from __future__ import annotations

from collections import defaultdict
from shlex import quote
from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.insights.finding import MIN_RUNS, MIN_SAVED_S, Finding

if TYPE_CHECKING:
    from pytest_nexus.plan.insights.finding import Seen

_LEAST_FLAKES: Final = 3


def flaky_seconds(seen: Seen) -> list[Finding]:
    """Return the tests that failed and passed in the same run, with the seconds of the repeats."""
    repeated: dict[str, float] = defaultdict(float)
    flakes: dict[str, int] = defaultdict(int)
    runs: dict[str, int] = defaultdict(int)
    for run in seen.runs:
        for key, test in run.tests.items():
            runs[key] += 1
            if test.has_recovered:
                flakes[key] += 1
                repeated[key] += test.repeated_s
    return [
        Finding(
            "flaky",
            f"{key} is flaky, and its repeats cost time",
            repeated[key] / runs[key],
            f"{n} of {runs[key]} runs failed first and passed then",
            "see when the test fails, and mend it",
            f"nexus flaky show {quote(key)}",
        )
        for key, n in flakes.items()
        if n >= _LEAST_FLAKES and runs[key] >= MIN_RUNS and repeated[key] / runs[key] >= MIN_SAVED_S
    ]
