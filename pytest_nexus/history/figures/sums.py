"""Add up the attempts of runs: seconds, reruns, workers, failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

_SECONDS: Final = "coalesce(setup_us, 0) + coalesce(call_us, 0) + coalesce(teardown_us, 0)"
_OF_RUN: Final = f"""
    SELECT sum({_SECONDS}), sum(CASE WHEN number > 1 THEN {_SECONDS} ELSE 0 END) FROM attempt
    WHERE run_id = ?
"""  # noqa: S608 - constants
_OF_TESTS: Final = f"""
    SELECT key, sum({_SECONDS}) FROM attempt JOIN test USING (test_id)
    WHERE run_id = ? GROUP BY test_id
"""  # noqa: S608 - constants
_OF_WORKERS: Final = f"""
    SELECT coalesce(worker, -1), count(*), sum({_SECONDS}), min(started_us),
           max(started_us + {_SECONDS})
    FROM attempt WHERE run_id = ? GROUP BY 1 ORDER BY 1
"""  # noqa: S608 - constants
_ARTIFACTS: Final = """
    SELECT repository, status, reason FROM artifact ORDER BY repository, artifact_id DESC
"""
_FAILED: Final = """
    SELECT failed_test.test_id, signature, exception, location, message
    FROM failed_test CROSS JOIN attempt ON attempt.run_id = failed_test.run_id
         AND attempt.test_id = failed_test.test_id AND number = 1
         LEFT JOIN failure USING (failure_id)
    WHERE failed_test.run_id = ?
"""
_TIMELINE: Final = f"""
    SELECT test_id, outcomes, worker, started_us, {_SECONDS} FROM attempt WHERE run_id = ?
    ORDER BY started_us, test_id, number
"""  # noqa: S608 - constants
_ATTEMPTS: Final = f"""
    SELECT test_id, number, outcomes, {_SECONDS}, started_us FROM attempt WHERE run_id = ?
    ORDER BY test_id, number
"""  # noqa: S608 - constants
_SETUPS: Final = "SELECT coalesce(setup_us, 0) FROM attempt WHERE run_id = ? AND test_id = ?"
_OUTCOMES: Final = 512
"""More than any outcomes of three phases, as the table `attempt` packs them."""

_MOST_US: Final = 10**18


class RunTimes(NamedTuple):
    """Seconds of the attempts of one run."""

    tests_s: float
    rerun_s: float
    """Seconds of attempts after the first; part of `tests_s`."""


class WorkerTimes(NamedTuple):
    """The attempts of one worker in one run."""

    worker: int
    """Number of the worker; -1 without xdist."""
    n_attempts: int
    busy_s: float
    start_s: float
    """Since the start of the run."""
    end_s: float


class FailedTest(NamedTuple):
    """A test whose first attempt failed in a run."""

    test_id: int
    signature: str
    """Empty if unknown, as are the next three."""
    exception: str
    where: str
    message: str


class Moment(NamedTuple):
    """One attempt on the time line of a run."""

    test_id: int
    outcomes: int
    worker: int | None
    start_s: float
    duration_s: float


class TimedAttempt(NamedTuple):
    """One attempt with its seconds, for all attempts of many runs."""

    test_id: int
    number: int
    outcomes: int
    """As in the table `attempt`."""
    duration_us: int
    start_us: int
    """Since the start of the run."""


def seconds(microseconds: object) -> float:
    """Return seconds from microseconds that were added up; 0 for None.

    Raises:
        ValueError: the sum cannot come from durations that nexus wrote.
    """
    if microseconds is None:
        return 0.0
    if not isinstance(microseconds, (int, float)) or not 0 <= microseconds <= _MOST_US:
        raise ValueError(f"a sum of durations: {microseconds!r:.50}")
    return microseconds / 1e6


def run_times(connection: sqlite3.Connection, run_ids: Iterable[int]) -> dict[int, RunTimes]:
    """Return the seconds of the attempts of some runs."""
    found = {}
    for run_id in run_ids:
        total, rerun = connection.execute(_OF_RUN, (run_id,)).fetchone()
        found[run_id] = RunTimes(seconds(total), seconds(rerun))
    return found


def test_times(connection: sqlite3.Connection, run_id: int) -> list[tuple[str, float]]:
    """Return the key and the seconds of each test of a run."""
    return [(key, seconds(total)) for key, total in connection.execute(_OF_TESTS, (run_id,))]


def worker_times(connection: sqlite3.Connection, run_id: int) -> list[WorkerTimes]:
    """Return the sums of each worker of a run."""
    return [
        WorkerTimes(int(worker), n, seconds(busy), seconds(start), seconds(end))
        for worker, n, busy, start, end in connection.execute(_OF_WORKERS, (run_id,))
    ]


def failed_tests(connection: sqlite3.Connection, run_id: int) -> list[FailedTest]:
    """Return the tests whose first attempt failed in a run, with the cause."""
    return [
        FailedTest(test_id, *(text or "" for text in texts))
        for test_id, *texts in connection.execute(_FAILED, (run_id,))
    ]


def artifact_notes(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
    """Return repository, status and reason of each artifact of a CI that was looked at."""
    return [
        (repository, status, reason)
        for repository, status, reason in connection.execute(_ARTIFACTS)
    ]


def time_line(connection: sqlite3.Connection, run_id: int) -> list[Moment]:
    """Return the attempts of a run, by their starts."""
    return [
        Moment(test_id, outcomes, worker, seconds(start), seconds(duration))
        for test_id, outcomes, worker, start, duration in connection.execute(_TIMELINE, (run_id,))
    ]


def timed_attempts(connection: sqlite3.Connection, run_id: int) -> list[TimedAttempt]:
    """Return the attempts of a run by test and number.

    Raises:
        ValueError: a duration or an outcome cannot come from nexus.
    """
    found = list(map(TimedAttempt._make, connection.execute(_ATTEMPTS, (run_id,))))
    if found:
        for place in (3, 4):
            column = [each[place] for each in found]
            seconds(min(column))
            seconds(max(column))
        odd = {each.outcomes for each in found}.difference(range(_OUTCOMES))
        if odd:
            raise ValueError(f"outcomes: {min(map(repr, odd)):.50}")
    return found


def setups_of(connection: sqlite3.Connection, test_id: int, run_ids: Sequence[int]) -> list[int]:
    """Return the microseconds of the first set-up of a test in some runs, in order."""
    found = []
    for run_id in run_ids:
        row = connection.execute(_SETUPS, (run_id, test_id)).fetchone()
        found.append(0 if row is None else int(seconds(row[0]) * 1e6))
    return found
