"""Tests that became slower at some commit. Pure.

The change point is the split that explains most of the variance of the logarithms of the durations
(Killick and Eckley, changepoint, Journal of Statistical Software 58, 2014: at most one change). The
evidence is a rank test of Mann and Whitney (Annals of Mathematical Statistics 18, 1947) at that
split. Its bound is high, since every test and every split is tried.
"""

from __future__ import annotations

from itertools import accumulate
from math import log, sqrt
from shlex import quote
from statistics import median
from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.insights.finding import MIN_SAVED_S, Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.plan.insights.finding import Seen, SeenRun

_EACH_SIDE: Final = 10
_FACTOR: Final = 1.5
_LEAST_Z: Final = 3.7
"""About 1 in 10,000 tests without a change exceeds this at one split."""


def slower_tests(seen: Seen) -> list[Finding]:
    """Return the tests that are slower since a commit, compared within one environment.

    A test that became slower in several environments is named once, where it costs most.
    """
    found: dict[str, Finding] = {}
    groups: dict[str, list[SeenRun]] = {}
    for run in seen.runs:
        groups.setdefault(run.environment, []).append(run)
    for runs in groups.values():
        for key in sorted({key for run in runs for key in run.tests}):
            finding = _of_test(key, [run for run in runs if key in run.tests])
            if finding is not None and finding.saved_s > getattr(found.get(key), "saved_s", 0.0):
                found[key] = finding
    return list(found.values())


def _of_test(key: str, runs: Sequence[SeenRun]) -> Finding | None:
    sound = [run for run in runs if not run.tests[key].has_failed]
    durations = [run.tests[key].call_s for run in sound]
    if len(durations) < 2 * _EACH_SIDE or max(durations) < MIN_SAVED_S:
        return None
    at = change_point([log(max(each, 1e-4)) for each in durations])
    before, after = median(durations[:at]), median(durations[at:])
    if after < _FACTOR * before or after - before < MIN_SAVED_S:
        return None
    if rank_z(durations[:at], durations[at:]) < _LEAST_Z:
        return None
    good, bad = sound[at - 1].commit, sound[at].commit
    is_known = good is not None and bad is not None and good != bad
    span = f"{good[:12]}..{bad[:12]}" if good and bad and is_known else ""
    return Finding(
        "slower",
        f"{key} takes {after:.2f} s instead of {before:.2f} s"
        + (f" since {span.partition('..')[2]}" if span else ""),
        after - before,
        f"{at} runs before and {len(durations) - at} runs after the change",
        _remedy(key, span, sqrt(before * after)),
    )


def _remedy(key: str, span: str, between_s: float) -> str:
    """Return a search with the geometric mean of both durations as its limit."""
    if not span:
        return f"pytest {quote(key)} --durations=5"
    good, _, bad = span.partition("..")
    return f"nexus bisect {quote(key)} --good {good} --bad {bad} --slower-than {between_s:.3g}s"


def change_point(values: Sequence[float]) -> int:
    """Return where the second part begins, with at least `_EACH_SIDE` values on each side.

    >>> change_point([0.0] * 12 + [1.0] * 15)
    12
    """
    sums = list(accumulate(values, initial=0.0))
    n, total = len(values), sums[-1]

    def explained(at: int) -> float:
        return sums[at] ** 2 / at + (total - sums[at]) ** 2 / (n - at)

    return max(range(_EACH_SIDE, n - _EACH_SIDE + 1), key=explained)


def rank_z(before: Sequence[float], after: Sequence[float]) -> float:
    """Return how far the later values rank above the earlier ones, in standard deviations.

    With n and m values, U is the number of pairs whose later value is larger, equal pairs half:
    z = (U - n m / 2) / sqrt(n m (n + m + 1) / 12).
    """
    n, m = len(before), len(after)
    larger = sum((b > a) + (b == a) / 2 for a in before for b in after)
    return (larger - n * m / 2) / sqrt(n * m * (n + m + 1) / 12)
