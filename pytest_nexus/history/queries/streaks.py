"""Count the failures in a row of each test at the end of a branch."""

from __future__ import annotations

from collections import defaultdict, deque
from functools import partial
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.evidence import Streaks
from pytest_nexus.history.sqlite.connection import is_slim
from pytest_nexus.history.sqlite.runs import ordered_runs
from pytest_nexus.journal.encoding import PASS, VERDICT_OF

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

DEFAULT_BRANCHES: Final = ("main", "master")
"""Possible default branches if the CI names none."""

BRANCH_RUNS: Final = 40
"""Runs of a branch, without shards, after which a missing test counts as deselected."""

_RUNS: Final = """
    SELECT run_id FROM run
    WHERE branch = ? AND NOT mass_failure AND source <> 'durations' AND trust = 'trusted'
"""
_STORED: Final = "SELECT key, runs FROM failing WHERE branch = ?"
_FAILED: Final = "SELECT test_id, key FROM failed_test JOIN test USING (test_id) WHERE run_id = ?"
_OUTCOMES: Final = "SELECT outcomes FROM attempt WHERE run_id = ? AND test_id = ?"


class Branch:
    """Failures since the last pass of each test, in the last `BRANCH_RUNS` runs of one branch.

    For a trainer, which replays all runs. A session has no time for all runs. So it counts the same
    from the last run backwards, see `read_streaks`. Call `add` once for each run in time order, and
    leave out mass failures.
    """

    def __init__(self) -> None:
        self._n_runs = 0
        self._failed_in: defaultdict[str, deque[int]] = defaultdict(
            partial(deque, maxlen=BRANCH_RUNS)
        )
        """By key of a test that failed last: the numbers of the runs with a failure."""

    def add(self, verdicts: Iterable[tuple[str, bool]]) -> None:
        """Count one run: the keys of its tests, each with whether no attempt of the test passed."""
        self._n_runs += 1
        for key, failed in verdicts:
            if failed:
                self._failed_in[key].append(self._n_runs)
            else:
                self._failed_in.pop(key, None)

    def streaks(self) -> dict[str, int]:
        """Return the number of failures by key, for tests with failures."""
        oldest = self._n_runs - BRANCH_RUNS
        counts = {
            key: sum(number > oldest for number in numbers)
            for key, numbers in self._failed_in.items()
        }
        return {key: n for key, n in counts.items() if n}


def read_streaks(
    connection: sqlite3.Connection, branch: str | None, default: str | None
) -> Streaks:
    """Return the streaks on a branch and on the default branch.

    Args:
        connection: of the history.
        branch: the branch of the run that is about to begin; None if it is not known.
        default: name of the default branch; None for the first of `DEFAULT_BRANCHES` with a run.
    """
    named = DEFAULT_BRANCHES if default is None else (default,)
    here = None if branch is None else _of_branch(connection, branch)
    bases = (here if name == branch else _of_branch(connection, name) for name in named)
    return Streaks(here, next((found for found in bases if found is not None), None))


def _of_branch(connection: sqlite3.Connection, branch: str) -> dict[str, int] | None:
    runs = {run_id for (run_id,) in connection.execute(_RUNS, (branch,))}
    if not runs:
        return None
    stored = connection.execute(_STORED, (branch,)).fetchall()
    if stored or is_slim(connection):
        return {key: min(n, BRANCH_RUNS) for key, n in stored}
    last = [run_id for run_id in ordered_runs(connection) if run_id in runs][-BRANCH_RUNS:]
    return _derived(connection, last)


def _derived(connection: sqlite3.Connection, runs: Sequence[int]) -> dict[str, int]:
    """Return the streaks at the end of some runs, as `Branch` counts them.

    Only tests that failed in one of the runs are looked up, from the last run backwards until they
    passed. Nearly all of them passed in the first run of this search.
    """
    keys = {
        test_id: key for run_id in runs for test_id, key in connection.execute(_FAILED, (run_id,))
    }
    found = {}
    for test_id, key in keys.items():
        n = 0
        for run_id in reversed(runs):
            verdicts = _verdicts(connection, run_id, test_id)
            if verdicts & PASS:
                break
            n += bool(verdicts)
        if n:
            found[key] = n
    return found


def _verdicts(connection: sqlite3.Connection, run_id: int, test_id: int) -> int:
    """Return the verdicts of all attempts as bits: `PASS`, `FAIL`, both, or neither."""
    verdicts = 0
    for (outcomes,) in connection.execute(_OUTCOMES, (run_id, test_id)):
        verdicts |= VERDICT_OF[outcomes]
    return verdicts
