"""Read the outcomes of many tests in the stored runs, in one pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pytest_nexus.domain.records import TestKey, environment_name
from pytest_nexus.domain.system.originals import dumps
from pytest_nexus.history.sqlite.runs import ordered_runs, selection
from pytest_nexus.journal.encoding import failure_of, full_attempt
from pytest_nexus.plan.flakiness.outcomes import OutcomeInRun

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from pytest_nexus.domain.records import Attempt

_RUNS: Final = """
    SELECT run_id, run_uid, started_at, commit_id, dirty, python, platform, mass_failure,
           selected_by, exit_status
    FROM run WHERE source != 'durations'
"""
_ATTEMPTS: Final = """
    SELECT attempt.run_id, test.key, test.function, number, outcomes, setup_us, call_us,
           teardown_us, started_us, worker, phase, exception, location, message, signature
    FROM run CROSS JOIN test CROSS JOIN attempt
         ON attempt.run_id = run.run_id AND attempt.test_id = test.test_id
         LEFT JOIN failure USING (failure_id)
    WHERE test.key IN (SELECT value FROM json_each(?))
    ORDER BY run.run_id, test.test_id, number
"""
_RunFacts: TypeAlias = (
    "tuple[tuple[str, float, str | None, str], tuple[bool, tuple[str, ...], int | None]]"
)
_ALL_PASSED: Final = 0o111
_NOTHING: Final = (None, None, None, 0, None, None)
"""No durations, started at 0, no worker, no failure."""


def read_sightings(
    connection: sqlite3.Connection, keys: Iterable[str], *, is_brief: bool = False
) -> dict[TestKey, list[OutcomeInRun]]:
    """Return the outcomes of some tests in each run, in fold order; unknown tests are left out.

    Each test is looked up in each run. Imported durations have no outcomes. If `is_brief`, first
    attempts that passed have no durations: that is enough to assess flakiness, and twice as fast.
    Then the values are checked as they are read, because the whole table was not.

    Raises:
        ValueError: with `is_brief`, a value is none that nexus writes.
    """
    found: dict[int, dict[TestKey, list[Attempt]]] = {}
    passed: dict[str, Attempt] = {}
    for run_id, key, *packed in connection.execute(_ATTEMPTS, (dumps(list(keys)),)):
        if is_brief and packed[1] == 1 and packed[2] == _ALL_PASSED:
            attempt = passed.get(key)
            if attempt is None:
                attempt = passed[key] = full_attempt((key, packed[0], 1, _ALL_PASSED, *_NOTHING))
        else:
            if is_brief:
                _require_numbers(packed[1:8])
            attempt = full_attempt((key, *packed[:8], failure_of(packed[8:])))
        found.setdefault(run_id, {}).setdefault(TestKey(key), []).append(attempt)
    runs = {row[0]: _facts(row[1:]) for row in connection.execute(_RUNS)}
    seen: dict[TestKey, list[OutcomeInRun]] = {}
    for run_id in ordered_runs(connection):
        if run_id not in runs:
            continue
        before, after = runs[run_id]
        for key, attempts in found.get(run_id, {}).items():
            seen.setdefault(key, []).append(OutcomeInRun(*before, tuple(attempts), *after))
    return seen


def _require_numbers(packed: list[Any]) -> None:
    """Refuse values that are no integers; only durations and the worker may be missing."""
    number, outcomes, *durations, started, worker = packed
    sure = (number, outcomes, started, *(each for each in (*durations, worker) if each is not None))
    if not all(isinstance(each, int) for each in sure):
        raise ValueError("in table 'attempt'")


def _facts(run: tuple[Any, ...]) -> _RunFacts:
    """Return what every outcome in a run has before and after its attempts."""
    run_uid, at, commit, dirty, python, platform, mass_failure, selected_by, exit_status = run
    environment = environment_name(python, platform)
    return (
        (run_uid, at, None if dirty else commit, environment),
        (bool(mass_failure), selection(selected_by), exit_status),
    )
