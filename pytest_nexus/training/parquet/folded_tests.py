"""Fold the runs of all tests at once, in arrays; the results are those of `history.state.fold`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from pytest_nexus.domain.identity import function_of_key
from pytest_nexus.domain.records import OUTCOMES, TestKey, TestStats
from pytest_nexus.history.state.fold import HALF_LIVES, MAX_COMMITS, WINDOW
from pytest_nexus.journal.encoding import FAIL, PASS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Numbers = NDArray[np.int64]

_BOTH: Final = PASS | FAIL
_SETTLED: Final = 1024
"""After this number of runs, the weight of the newest one hardly changes; as in the fold."""
_IMPLAUSIBLE_S: Final = 1e8
_NEVER: Final = -1
_NO_COMMIT: Final = -1


class SeenTests(NamedTuple):
    """The tests with a verdict in one run; arrays of equal length, each test once."""

    test: Numbers
    """Number of the test."""
    outcome: Numbers
    """Code of the outcome of the attempt that counts."""
    failed: NDArray[np.bool_]
    """Whether this attempt failed."""
    verdicts: Numbers
    """Verdicts of all attempts as bits: `PASS`, `FAIL`, or both."""
    us: Numbers
    """Microseconds of set-up, call and tear-down; -1 for none; shape (n_tests, 3)."""


@dataclass(slots=True)
class _Columns:
    """The state of all tests; first axis: the number of a test."""

    runs: Numbers
    failures: Numbers
    rates: Floats
    """Shape (n_tests, 3), for the half-lives 2, 8 and 32."""
    since: Numbers
    transitions: Numbers
    flakes: Numbers
    last_outcome: Numbers
    first_seen: Floats
    last_seen: Floats
    durations: NDArray[np.float32]
    """Seconds of the last executions, NaN where there are fewer; shape (n_tests, 7, 3).

    Execution n stands at place n modulo 7: medians need no order.
    """
    executions: Numbers
    """Executions of each phase; shape (n_tests, 3)."""
    commits: NDArray[np.int32]
    """Numbers of the last commits; shape (n_tests, 12)."""
    verdicts: NDArray[np.uint8]
    """What was seen on these commits; shape (n_tests, 12)."""
    oldest: Numbers
    """Place of the oldest of these commits; the next ones follow, and begin again at 0."""

    @classmethod
    def of(cls, n: int) -> _Columns:
        """Return the state before the first run."""
        return cls(
            runs=np.zeros(n, np.int64),
            failures=np.zeros(n, np.int64),
            rates=np.zeros((n, len(HALF_LIVES))),
            since=np.full(n, _NEVER, np.int64),
            transitions=np.zeros(n, np.int64),
            flakes=np.zeros(n, np.int64),
            last_outcome=np.ones(n, np.int64),
            first_seen=np.zeros(n),
            last_seen=np.zeros(n),
            durations=np.full((n, WINDOW, 3), np.nan, np.float32),
            executions=np.zeros((n, 3), np.int64),
            commits=np.full((n, MAX_COMMITS), _NO_COMMIT, np.int32),
            verdicts=np.zeros((n, MAX_COMMITS), np.uint8),
            oldest=np.zeros(n, np.int64),
        )


class FoldedTests:
    """The statistics of all tests after the runs so far.

    Args:
        keys: the key of each test, by number.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [TestKey(key) for key in keys]
        self._functions = [function_of_key(key) for key in keys]
        self._columns = _Columns.of(len(keys))
        self._gains = _gains()
        self._newest_commit = _NO_COMMIT

    def add(self, seen: SeenTests, started_at: float, commit: int | None, *, teaches: bool) -> None:
        """Fold one more run.

        Args:
            seen: its tests.
            started_at: start in seconds since the epoch.
            commit: number of the commit and environment; None if they prove no flake.
            teaches: False for a mass failure, which proves no flake either.
        """
        columns, at = self._columns, seen.test
        self._count(seen)
        if teaches:
            columns.flakes[at] += self._witness(at, seen.verdicts, commit)
        columns.last_outcome[at] = seen.outcome
        columns.first_seen[at] = np.where(columns.runs[at] == 1, started_at, columns.first_seen[at])
        columns.last_seen[at] = started_at
        for phase in range(3):
            known = seen.us[:, phase] >= 0
            tests = at[known]
            place = columns.executions[tests, phase] % WINDOW
            columns.durations[tests, place, phase] = seen.us[known, phase] / 1e6
            columns.executions[tests, phase] += 1

    def _count(self, seen: SeenTests) -> None:
        columns, at, failed = self._columns, seen.test, seen.failed
        runs, since = columns.runs[at], columns.since[at]
        columns.transitions[at] += (runs > 0) & (failed != (since == 0))
        changes = failed | (columns.failures[at] > 0)
        tests = at[changes]
        gains = self._gains[np.minimum(runs[changes] + 1, _SETTLED)]
        rates = columns.rates[tests]
        columns.rates[tests] = rates + (failed[changes, None] - rates) * gains
        columns.since[tests] = np.where(failed[changes], 0, since[changes] + 1)
        columns.runs[at] = runs + 1
        columns.failures[at] += failed

    def _witness(self, at: Numbers, verdicts: Numbers, commit: int | None) -> NDArray[np.bool_]:
        """Remember the verdicts on a commit; return which tests are proved to be flaky by it."""
        if commit is None:
            return np.equal(verdicts, _BOTH)
        columns = self._columns
        before = np.zeros(len(at), np.int64)
        if commit > self._newest_commit:
            self._newest_commit = commit
        else:
            before = self._taken_out(at, commit)
        after = before | verdicts
        place = columns.oldest[at]
        columns.commits[at, place] = commit
        columns.verdicts[at, place] = after
        columns.oldest[at] = (place + 1) % MAX_COMMITS
        proved: NDArray[np.bool_] = (after == _BOTH) & (before != _BOTH)
        return proved

    def _taken_out(self, at: Numbers, commit: int) -> Numbers:
        """Take a commit out of the memory, where it is; return what was seen on it, 0 elsewhere.

        The freed place becomes the oldest one, which the next commit takes.
        """
        columns = self._columns
        found = np.zeros(len(at), np.int64)
        is_known = (columns.commits[at] == commit).any(axis=1)
        tests = at[is_known]
        by_age = (columns.oldest[tests, None] + np.arange(MAX_COMMITS)) % MAX_COMMITS
        commits = np.take_along_axis(columns.commits[tests], by_age, 1)
        verdicts = np.take_along_axis(columns.verdicts[tests], by_age, 1)
        place = (commits == commit).argmax(axis=1)[:, None]
        found[is_known] = np.take_along_axis(verdicts, place, 1)[:, 0]
        others = np.arange(MAX_COMMITS - 1)[None, :]
        others = others + (others >= place)
        order = np.concatenate([place, others], axis=1)
        columns.commits[tests] = np.take_along_axis(commits, order, 1)
        columns.verdicts[tests] = np.take_along_axis(verdicts, order, 1)
        columns.oldest[tests] = 0
        return found

    def stats(self) -> dict[TestKey, TestStats]:
        """Return the statistics of every test that has run."""
        columns = self._columns
        at = np.flatnonzero(columns.runs)
        values = zip(
            at.tolist(),
            columns.runs[at].tolist(),
            columns.failures[at].tolist(),
            columns.rates[at].tolist(),
            columns.since[at].tolist(),
            columns.transitions[at].tolist(),
            columns.flakes[at].tolist(),
            columns.last_outcome[at].tolist(),
            columns.first_seen[at].tolist(),
            columns.last_seen[at].tolist(),
            _medians(columns.durations[at]).tolist(),
            strict=True,
        )
        return {self._keys[row[0]]: self._stats_of(*row) for row in values}

    def _stats_of(self, at: int, *row: Any) -> TestStats:
        runs, failures, rates, since, transitions, flakes, outcome, first, last, seconds = row
        rate_2, rate_8, rate_32 = rates
        setup_s, call_s, teardown_s = seconds
        return TestStats(
            self._keys[at], self._functions[at], runs, failures, rate_2, rate_8, rate_32,
            None if since == _NEVER else since, transitions, flakes, OUTCOMES[outcome - 1],
            first, last, setup_s, call_s, teardown_s,
        )  # fmt: skip


def _gains() -> Floats:
    """Return the weight of the newest of n runs, shape (1025, 3), by n; see `fold`."""
    runs = np.arange(_SETTLED + 1)[:, None]
    lives = np.array(HALF_LIVES, dtype=np.float64)
    with np.errstate(divide="ignore"):
        found: Floats = (1 - 2 ** (-1 / lives)) / (1 - 2 ** (-runs / lives))
    return found


def _medians(durations: NDArray[np.float32]) -> Floats:
    """Return the lower median of the known seconds of each phase, shape (n_tests, 3)."""
    ordered = np.sort(durations, axis=1)  # NaN comes last
    n_known = (~np.isnan(durations)).sum(axis=1)
    middle = np.maximum(n_known - 1, 0) // 2
    found = np.take_along_axis(ordered, middle[:, None, :], 1)[:, 0, :].astype(np.float64)
    found[n_known == 0] = 0.0
    total = found.sum(axis=1)
    found[~((total >= 0) & (total <= _IMPLAUSIBLE_S))] = 0.0
    return found
