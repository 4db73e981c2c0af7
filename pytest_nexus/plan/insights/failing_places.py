"""Environments and hours in which more runs fail. Pure."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from math import sqrt
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.wording import percent
from pytest_nexus.plan.insights.finding import MIN_SAVED_S, Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_nexus.plan.insights.finding import Seen, SeenRun

_EACH_SIDE: Final = 20
_LEAST_Z: Final = 4.0


def failing_places(seen: Seen) -> list[Finding]:
    """Return the environments and the hours (UTC) in which more runs fail than elsewhere.

    The evidence is the test of two proportions with a pooled variance, with a bound high enough for
    24 hours and some environments. Saved would be the seconds of the excess of failing runs.
    """
    return [
        *_compared(seen.runs, "runs with", lambda run: run.environment),
        *_compared(seen.runs, "runs at hour", _hour),
    ]


def _hour(run: SeenRun) -> str:
    return f"{datetime.fromtimestamp(run.started_at, UTC).hour:02d} UTC"


def _compared(
    runs: Sequence[SeenRun], words: str, group: Callable[[SeenRun], str]
) -> list[Finding]:
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    seconds: dict[str, float] = defaultdict(float)
    for run in runs:
        name = group(run)
        counts[name][0] += any(test.has_failed for test in run.tests.values())
        counts[name][1] += 1
        seconds[name] += run.duration_s
    failed, total = (sum(each[at] for each in counts.values()) for at in (0, 1))
    found = []
    for name, (k, n) in counts.items():
        if not name or n < _EACH_SIDE or total - n < _EACH_SIDE:
            continue
        rate, other = k / n, (failed - k) / (total - n)
        saved_s = (rate - other) * seconds[name] / total
        if excess_z(k, n, failed - k, total - n) >= _LEAST_Z and saved_s >= MIN_SAVED_S:
            found.append(
                Finding(
                    "failing places",
                    f"{words} {name} fail more often than others",
                    saved_s,
                    f"{percent(rate, 0)} of {n} runs against {percent(other, 0)} of {total - n}",
                    "see which tests fail there",
                    "nexus flaky --all",
                )
            )
    return found


def excess_z(k: int, n: int, j: int, m: int) -> float:
    """Return how far k of n lies above j of m, in standard deviations; 0 if nothing varies.

    With p = (k + j) / (n + m): z = (k/n - j/m) / sqrt(p (1 - p) (1/n + 1/m)).

    >>> excess_z(5, 10, 5, 10)
    0.0
    """
    p = (k + j) / (n + m)
    spread = sqrt(p * (1 - p) * (1 / n + 1 / m))
    return (k / n - j / m) / spread if spread else 0.0
