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
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.wording import counted, fine_seconds
from pytest_nexus.plan.insights.finding import MIN_SAVED_S, Finding

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from pytest_nexus.plan.insights.finding import Seen, SeenRun

_EACH_SIDE: Final = 10
_SHORT: Final = 12
_FACTOR: Final = 1.5
_LEAST_Z: Final = 3.7
"""About 1 in 10,000 tests without a change exceeds this at one split."""


class _Slower(NamedTuple):
    """A test that became slower."""

    key: str
    before_s: float
    after_s: float
    n_before: int
    n_after: int
    ends: tuple[str, str] | None
    """The last commit with the earlier duration, and the first one without; None if unknown."""

    @property
    def saved_s(self) -> float:
        """Return the seconds of a run as quick as before."""
        return self.after_s - self.before_s


def slower_tests(seen: Seen) -> list[Finding]:
    """Return the tests that are slower since a commit, compared within one environment.

    Runs with the same cores and workers are one environment, since workers slow each other down. A
    test that became slower in several environments counts once, where it costs most. Tests that
    became slower between the same commits are one finding.
    """
    found: dict[str, _Slower] = {}
    groups: dict[Hashable, list[SeenRun]] = {}
    for run in seen.runs:
        groups.setdefault((run.environment, run.cores, run.workers), []).append(run)
    for runs in groups.values():
        for key in sorted({key for run in runs for key in run.tests}):
            each = _of_test(key, [run for run in runs if key in run.tests])
            if each is not None and (key not in found or each.saved_s > found[key].saved_s):
                found[key] = each
    together: dict[tuple[str, ...], list[_Slower]] = {}
    for each in sorted(found.values(), key=lambda each: (-each.saved_s, each.key)):
        together.setdefault(each.ends or (each.key,), []).append(each)
    return [_finding(group) for group in together.values()]


def _of_test(key: str, runs: Sequence[SeenRun]) -> _Slower | None:
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
    ends = (good[:_SHORT], bad[:_SHORT]) if good and bad and good != bad else None
    return _Slower(key, before, after, at, len(durations) - at, ends)


def _finding(group: Sequence[_Slower]) -> Finding:
    first, more = group[0], len(group) - 1
    also = f", and {counted(more, 'more test')} became slower" if more else ""
    before = "less than 1 ms" if first.before_s < 0.001 else fine_seconds(first.before_s)
    since = f" since {first.ends[1]}" if first.ends else ""
    return Finding(
        "slower",
        f"{first.key} takes {fine_seconds(first.after_s)} instead of {before}{also}{since}",
        sum(each.saved_s for each in group),
        f"{first.n_before} runs before and {first.n_after} runs after the change",
        "find the commit" if first.ends else "see what takes the time",
        _command(first),
    )


def _command(slower: _Slower) -> str:
    """Return a search for the commit.

    Its limit is the geometric mean of both durations, and at least half of the longer one: short
    durations vary by more than their ratio tells.
    """
    key = quote(slower.key)
    if slower.ends is None:
        return f"pytest {key} --durations=5"
    good, bad = slower.ends
    limit_s = max(sqrt(slower.before_s * slower.after_s), slower.after_s / 2)
    return f"nexus bisect {key} --good {good} --bad {bad} --slower-than {limit_s:.3g}s"


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
