"""Read the outcomes of many tests in the stored runs, in one pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

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
    FROM attempt CROSS JOIN test USING (test_id) LEFT JOIN failure USING (failure_id)
    WHERE test_id IN (SELECT test_id FROM test WHERE key IN (SELECT value FROM json_each(?)))
    ORDER BY run_id, test_id, number
"""


def read_sightings(
    connection: sqlite3.Connection, keys: Iterable[str]
) -> dict[TestKey, list[OutcomeInRun]]:
    """Return the outcomes of some tests in each run, in fold order; unknown tests are left out.

    This takes one pass over the attempts, for any number of tests. Imported durations have no
    outcomes.
    """
    found: dict[int, dict[TestKey, list[Attempt]]] = {}
    for run_id, key, *packed in connection.execute(_ATTEMPTS, (dumps(list(keys)),)):
        attempt = full_attempt((key, *packed[:8], failure_of(packed[8:])))
        found.setdefault(run_id, {}).setdefault(TestKey(key), []).append(attempt)
    runs = {row[0]: row[1:] for row in connection.execute(_RUNS)}
    seen: dict[TestKey, list[OutcomeInRun]] = {}
    for run_id in ordered_runs(connection):
        for key, attempts in found.get(run_id, {}).items():
            if run_id in runs:
                seen.setdefault(key, []).append(_sighting(runs[run_id], attempts))
    return seen


def _sighting(run: tuple[Any, ...], attempts: Iterable[Attempt]) -> OutcomeInRun:
    run_uid, at, commit, dirty, python, platform, mass_failure, selected_by, exit_status = run
    return OutcomeInRun(
        run_uid=run_uid,
        at=at,
        commit=None if dirty else commit,
        environment=environment_name(python, platform),
        attempts=tuple(attempts),
        is_mass_failure=bool(mass_failure),
        selected_by=selection(selected_by),
        exit_status=exit_status,
    )
