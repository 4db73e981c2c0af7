"""Find the history of a test, also after the test was renamed or re-parametrised."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from math import fsum
from typing import TYPE_CHECKING, Final, Literal

from pytest_nexus.domain.median import lower_median
from pytest_nexus.domain.records import BAD, FunctionKey, TestKey, TestStats

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_nexus.domain.records import CollectedTest

Found = Literal["exact", "renamed", "function", "unknown"]

UNKNOWN_DURATION_S: Final = 0.01
"""Seconds for every test if no test has a known duration. Only ratios decide, and the sum of a plan
should not look alarming. About the median test of a unit-test suite."""


class StatsIndex:
    """The statistics of all tests, with indices to find substitutes for missing tests.

    Each index is built once, when the first test needs it; a suite without new tests needs none.

    Args:
        stats: the statistics in the history, by key.
        renames: old path by new path, from `Change.renames`.
    """

    def __init__(self, stats: Mapping[TestKey, TestStats], renames: Mapping[str, str]) -> None:
        self._stats = stats
        self._renames = renames
        self._pooled: dict[FunctionKey, TestStats] = {}

    def find(self, test: CollectedTest) -> tuple[TestStats | None, Found]:
        """Return the statistics to use for a test, and how they were found.

        `exact`: the test's own. `renamed`: those of its key before git saw its file move.
        `function`: pooled over all parameters of its function, see `pool`. `unknown`: None.
        """
        own = self._stats.get(test.key)
        return (own, "exact") if own is not None else self._find_elsewhere(test)

    def has_failed(self, test: CollectedTest) -> bool:
        """Return whether a test ever failed, as far as the history knows."""
        found = self.find(test)[0]
        return found is not None and found.runs_since_failure is not None

    def expected_duration(self, test: CollectedTest) -> float:
        """Return the expected seconds of a test, including shared set-up.

        The test's own recent median, else that of its function, of its module, of the suite, else
        `UNKNOWN_DURATION_S`. The last two are multiplied by `CollectedTest.duration_factor`.
        """
        return self.duration_of(self.find(test)[0], test)

    def duration_of(self, found: TestStats | None, test: CollectedTest) -> float:
        """Return `expected_duration` of a test, given the statistics that `find` returned."""
        if found is not None and has_duration(found):
            return found.duration_s
        path = self._renames.get(test.path, test.path)
        if path in self._module_medians:
            return self._module_medians[path]
        return self._suite_median * test.duration_factor

    def _find_elsewhere(self, test: CollectedTest) -> tuple[TestStats | None, Found]:
        old_path = self._renames.get(test.path)
        if old_path is not None:
            renamed = self._stats.get(TestKey(_moved(test.key, test.path, old_path)))
            if renamed is not None:
                return renamed, "renamed"
        pooled = self._pool_of(test.function_key)
        if pooled is None and old_path is not None:
            pooled = self._pool_of(FunctionKey(_moved(test.function_key, test.path, old_path)))
        return (pooled, "function") if pooled is not None else (None, "unknown")

    def _pool_of(self, function_key: FunctionKey) -> TestStats | None:
        if function_key not in self._pooled:
            members = self._functions.get(function_key)
            if members is None:
                return None
            self._pooled[function_key] = pool(members)
        return self._pooled[function_key]

    @cached_property
    def _functions(self) -> dict[FunctionKey, list[TestStats]]:
        functions: defaultdict[FunctionKey, list[TestStats]] = defaultdict(list)
        for stats in self._stats.values():
            functions[stats.function_key].append(stats)
        return dict(functions)

    @cached_property
    def _module_medians(self) -> dict[str, float]:
        """Return the seconds of the median test of each file."""
        found: defaultdict[str, list[float]] = defaultdict(list)
        for stats in self._stats.values():
            if has_duration(stats):
                found[stats.key.partition("::")[0]].append(stats.duration_s)
        return {path: lower_median(seconds) for path, seconds in found.items()}

    @cached_property
    def _suite_median(self) -> float:
        known = [stats.duration_s for stats in self._stats.values() if has_duration(stats)]
        return lower_median(known) if known else UNKNOWN_DURATION_S


def has_duration(stats: TestStats) -> bool:
    """Return whether durations were measured; a test that was always skipped has none."""
    return stats.runs > 0 or stats.duration_s > 0 or stats.last_outcome == "skipped"


def pool(members: Sequence[TestStats]) -> TestStats:
    """Return the statistics of one function's parameters, to use for another parameter of it.

    Rates are means and durations are medians over the members. Counts are those of the member with
    the most runs: a sum would make a rarely run function look old. The last failure is the most
    recent one of any member.
    """
    if len(members) == 1:
        return members[0]
    oldest = max(members, key=lambda member: (member.runs, member.key))
    since = [m.runs_since_failure for m in members if m.runs_since_failure is not None]
    failed_last = any(member.last_outcome in BAD for member in members)
    return TestStats(
        key=oldest.key,
        function_key=oldest.function_key,
        runs=oldest.runs,
        failures=max(member.failures for member in members),
        rate_2=_mean([member.rate_2 for member in members]),
        rate_8=_mean([member.rate_8 for member in members]),
        rate_32=_mean([member.rate_32 for member in members]),
        runs_since_failure=min(since, default=None),
        transitions=max(member.transitions for member in members),
        flakes=max(member.flakes for member in members),
        last_outcome="failed" if failed_last else oldest.last_outcome,
        first_seen=min(member.first_seen for member in members),
        last_seen=max(member.last_seen for member in members),
        setup_s=lower_median(member.setup_s for member in members),
        call_s=lower_median(member.call_s for member in members),
        teardown_s=lower_median(member.teardown_s for member in members),
    )


def _moved(key: str, path: str, old_path: str) -> str:
    return old_path + key[len(path) :] if key.startswith(f"{path}::") else key


def _mean(values: Sequence[float]) -> float:
    return fsum(values) / len(values)
