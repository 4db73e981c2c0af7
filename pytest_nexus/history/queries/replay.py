"""Replay the stored runs in order, for the trainer; and read pairs of change and failure."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.evidence import ChangedAndFailed
from pytest_nexus.history.sqlite.runs import ordered_runs, summaries
from pytest_nexus.history.sqlite.uses_tables import TABLES_OF_USES
from pytest_nexus.history.state.refresh import observations_of, run_facts
from pytest_nexus.history.uses.past_uses import PastUses
from pytest_nexus.journal.encoding import PASS, VERDICT_OF

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterable, Iterator

    from pytest_nexus.domain.records import TestKey
    from pytest_nexus.history.sqlite.runs import RunSummary
    from pytest_nexus.history.state.fold import Observation, RunFacts
    from pytest_nexus.history.uses.past_uses import UsesBefore


REPLAYED: Final = ("run", "changed_file", "changed_words", "test", "attempt", *TABLES_OF_USES)
"""The tables whose values must be sound."""

_PATHS: Final = """
    SELECT run_id, path FROM changed_file JOIN run USING (run_id)
    WHERE NOT mass_failure AND trust = 'trusted'
"""
_FAILED_IN: Final = "SELECT key FROM failed_test JOIN test USING (test_id) WHERE run_id = ?"

_FAILED: Final = """
    SELECT run_id, test_id, outcomes FROM attempt JOIN failed_test USING (run_id, test_id)
    JOIN run USING (run_id)
    WHERE NOT mass_failure AND source <> 'durations' AND trust = 'trusted'
"""


class Replayed(NamedTuple):
    """One run as the fold sees it."""

    summary: RunSummary
    facts: RunFacts
    tests: list[tuple[str, str | None, Observation]]
    """Key, function key if different, and observation of each test; in the order of the starts."""
    uses_before: Callable[[], UsesBefore | None] = lambda: None
    """Return what was known of the uses of tests before this run; None if it was not tracked. To be
    called before the next run is read."""
    unaffected: Callable[[Collection[str]], frozenset[TestKey] | None] = lambda _: None
    """Return by the changed files which tests had passed before with all that they use as it was in
    this run; None if it was not tracked. To be called before the next run is read."""


def replayed_runs(connection: sqlite3.Connection) -> Iterator[Replayed]:
    """Yield all runs in the order of the fold."""
    names = {
        test_id: (key, function)
        for test_id, key, function in connection.execute("SELECT test_id, key, function FROM test")
    }
    past = PastUses(connection, {test_id: key for test_id, (key, _) in names.items()})
    for run_id in ordered_runs(connection):
        (summary,) = summaries(connection, [run_id])
        seen = observations_of(connection, run_id)
        started = dict(
            connection.execute(
                "SELECT test_id, min(started_us) FROM attempt WHERE run_id = ? GROUP BY test_id",
                (run_id,),
            ).fetchall()
        )
        order = sorted(seen, key=lambda test_id: (started[test_id], test_id))
        tests = [(*names[test_id], seen[test_id]) for test_id in order]
        uses = partial(past.before, run_id), partial(past.unaffected, run_id)
        yield Replayed(summary, run_facts(connection, run_id), tests, *uses)
        past.add(run_id)


def read_cofailures(
    connection: sqlite3.Connection, only: Collection[str] | None = None
) -> list[ChangedAndFailed]:
    """Return the changed files and the failed tests of each trusted run, without mass failures.

    Args:
        connection: of the history.
        only: the changed files of later questions, if these are known. Runs without a change in
            their folders are then left out.
    """
    wanted = None if only is None else _folders(only)
    if wanted is not None and not wanted:
        return []
    paths: dict[int, list[str]] = {}
    for run_id, path in connection.execute(_PATHS):
        paths.setdefault(run_id, []).append(path)
    return [
        ChangedAndFailed(
            tuple(changed), tuple(key for (key,) in connection.execute(_FAILED_IN, (run_id,)))
        )
        for run_id, changed in paths.items()
        if wanted is None or not wanted.isdisjoint(_folders(changed))
    ]


def _folders(paths: Iterable[str]) -> set[str]:
    return {path.rpartition("/")[0] for path in paths}


def failing_runs(connection: sqlite3.Connection) -> list[str]:
    """Return the run_uids of runs in which a test failed and never passed, in fold order.

    Mass failures are left out. A model is fitted to these runs.
    """
    verdicts: dict[tuple[int, int], int] = {}
    for run_id, test_id, outcomes in connection.execute(_FAILED):
        verdicts[run_id, test_id] = verdicts.get((run_id, test_id), 0) | VERDICT_OF[outcomes]
    failing = {run_id for (run_id, _), seen in verdicts.items() if not seen & PASS}
    uids = dict(connection.execute("SELECT run_id, run_uid FROM run"))
    return [uids[run_id] for run_id in ordered_runs(connection) if run_id in failing]
