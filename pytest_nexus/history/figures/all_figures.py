"""The interface of the sums for a dashboard: each method reads one kind of figure."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.history.figures import sums
from pytest_nexus.history.figures.ends import End, read_ends
from pytest_nexus.history.figures.strips import Strip, read_strips
from pytest_nexus.history.queries.test_outcomes import read_sightings
from pytest_nexus.history.sqlite import connection as connections
from pytest_nexus.history.sqlite.runs import RunSummary, ordered_runs, summaries

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from pytest_nexus.domain.records import TestKey
    from pytest_nexus.history.figures.sums import (
        FailedTest,
        Moment,
        RunTimes,
        TimedAttempt,
        WorkerTimes,
    )
    from pytest_nexus.plan.flakiness.outcomes import OutcomeInRun

_TABLES: Final = ("run", "changed_file", "changed_words", "test", "failure", "failed_test")


class Strips(NamedTuple):
    """The strips of all tests."""

    by_key: Mapping[str, Strip]
    """The index of a run is its place among the runs of `Figures.runs`, from the newest."""
    n_runs: int
    """Runs behind the strips."""


class Figures:
    """The sums over the newest runs of one history; raises `HistoryError` as the history does.

    Values of attempts are checked as they are added up, because a check of the whole table takes
    longer than the sums.

    Args:
        connection: of the history.
        path: of the history.
        limit: number of the newest runs with outcomes.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, limit: int) -> None:
        self._connection = connection
        self._path = path
        self._limit = limit

    @cached_property
    def _order(self) -> list[int]:
        with connections.decoded(self._path):
            connections.require_sound(self._connection, self._path, _TABLES, set())
            return ordered_runs(self._connection)

    @cached_property
    def _keys(self) -> dict[int, str]:
        _ = self._order
        with connections.decoded(self._path):
            return dict(self._connection.execute("SELECT test_id, key FROM test"))

    @cached_property
    def _runs(self) -> dict[int, RunSummary]:
        """The newest runs with outcomes, by id, newest first."""
        order = self._order
        with connections.decoded(self._path):
            found: dict[int, RunSummary] = {}
            for run_id in reversed(order):
                if len(found) == self._limit:
                    break
                (summary,) = summaries(self._connection, [run_id])
                if summary.run.source != "durations":
                    found[run_id] = summary
            return found

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {each.run.run_uid: run_id for run_id, each in self._runs.items()}

    @property
    def runs(self) -> list[RunSummary]:
        """The newest runs with outcomes, newest first."""
        return list(self._runs.values())

    def times(self) -> dict[str, RunTimes]:
        """Return the seconds of the attempts of each run, by run_uid."""
        ids = self._ids
        with connections.decoded(self._path):
            found = sums.run_times(self._connection, ids.values())
        return {run_uid: found[run_id] for run_uid, run_id in ids.items()}

    def tests_of(self, run_uid: str) -> list[tuple[str, float]]:
        """Return the key of each test of a run, and the seconds of its attempts."""
        run_id = self._ids[run_uid]
        with connections.decoded(self._path):
            return sums.test_times(self._connection, run_id)

    def workers(self, run_uid: str) -> list[WorkerTimes]:
        """Return the sums of each worker of a run."""
        run_id = self._ids[run_uid]
        with connections.decoded(self._path):
            return sums.worker_times(self._connection, run_id)

    @property
    def keys(self) -> Mapping[int, str]:
        """The key of every test, by its number in this history."""
        return self._keys

    def attempts_of(self, run_uid: str) -> list[TimedAttempt]:
        """Return the attempts of a run by test and number, with their microseconds."""
        run_id = self._ids[run_uid]
        with connections.decoded(self._path):
            return sums.timed_attempts(self._connection, run_id)

    def time_line(self, run_uid: str) -> list[tuple[str, Moment]]:
        """Return the attempts of a run by their starts, each with the key of its test."""
        run_id, keys = self._ids[run_uid], self._keys
        with connections.decoded(self._path):
            found = sums.time_line(self._connection, run_id)
            return [(keys[each.test_id], each) for each in found]

    def failed(self) -> dict[str, list[tuple[str, FailedTest]]]:
        """Return the tests whose first attempt failed, with their keys, by run_uid."""
        ids, keys = self._ids, self._keys
        with connections.decoded(self._path):
            return {
                run_uid: [
                    (keys[each.test_id], each)
                    for each in sums.failed_tests(self._connection, run_id)
                ]
                for run_uid, run_id in ids.items()
            }

    def strips(self, n_cells: int) -> Strips:
        """Return the last outcomes of every test."""
        newest, keys = list(self._runs), self._keys
        with connections.decoded(self._path):
            found, n_runs = read_strips(self._connection, newest, len(keys), n_cells)
            return Strips({keys[test_id]: strip for test_id, strip in found.items()}, n_runs)

    def setups(self, key: str, places: Sequence[int]) -> list[int]:
        """Return the microseconds of the set-ups of a test, by places of the runs."""
        ids = list(self._runs)
        with connections.decoded(self._path):
            query = "SELECT test_id FROM test WHERE key = ?"
            (test_id,) = self._connection.execute(query, (key,)).fetchone()
            return sums.setups_of(self._connection, test_id, [ids[place] for place in places])

    def ends(self) -> list[End]:
        """Return the tests that fail at the end of a branch, over all runs."""
        order, keys = self._order, self._keys
        with connections.decoded(self._path):
            return read_ends(self._connection, order, keys)

    def sightings(self, keys: Iterable[str]) -> dict[TestKey, list[OutcomeInRun]]:
        """Return the outcomes of some tests in all runs, in the order of the fold."""
        _ = self._order
        with connections.decoded(self._path):
            return read_sightings(self._connection, keys, is_brief=True)

    def artifacts(self) -> Iterable[tuple[str, str, str]]:
        """Return repository, status and reason of the artifacts of a CI, newest first."""
        with connections.decoded(self._path):
            connections.require_sound(self._connection, self._path, ["artifact"], set())
            return sums.artifact_notes(self._connection)
