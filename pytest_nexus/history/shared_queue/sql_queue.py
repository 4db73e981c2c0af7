"""The queue of one run in a database, as one job sees it."""

from __future__ import annotations

from json import dumps, loads
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from pytest_nexus.history.shared_queue import statements as sql
from pytest_nexus.plan.shared_queue.batches import batch_size
from pytest_nexus.plan.shared_queue.work import Joined, Leased, QueueState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.history.shared_queue.databases import Cursor, Database
    from pytest_nexus.plan.shared_queue.work import Aim, WorkUnit

    T = TypeVar("T")

LEASE_S: Final = 30.0
"""Seconds after which a job that is not heard of loses its units."""

MOST_EXPIRIES: Final = 3
"""A unit whose lease expires so often is given up as lost."""

_MOST_AT_ONCE: Final = 200
"""Units in one statement; SQLite before 3.32 takes 999 parameters."""

_KEPT_S: Final = 14 * 86400.0
"""Runs that were loaded before that many seconds are removed when another run is loaded."""

_MOST_FORGOTTEN: Final = 3
"""Runs that one load removes, so that no job waits long for that."""


class Job(NamedTuple):
    """One job of a run."""

    run: str
    name: str
    """The same when the job is started again."""
    token: str
    """Different for each start."""
    n_workers: int = 1
    """Processes of this job that run tests."""
    n_expected: int = 1
    """Processes of all jobs that are to come, as far as this job knows."""


class SqlQueue:
    """A `WorkSource` in a database.

    Args:
        database: of the queue.
        job: that uses this object.
        lease_s: seconds of a lease.
    """

    def __init__(self, database: Database, job: Job, lease_s: float = LEASE_S) -> None:
        self._database = database
        self._job = job
        self._lease_s = lease_s

    def join(self) -> Joined:
        """Register this job, and end the leases of an earlier start of the same job."""
        run, name, token, n_workers, _ = self._job

        def work(cursor: Cursor) -> Joined:
            retry = self._value(cursor, sql.COUNT_JOB, run, name)
            self._run(cursor, sql.ADD_JOB, run, token, name, n_workers)
            if retry:
                self._run(cursor, sql.FREE_EARLIER, run, name, token)
            return Joined(self._value(cursor, sql.DIGEST, run) or "", retry)

        return self._database.transact(work)

    def digest(self) -> str:
        """Return the digest of the collection in the queue; empty if nothing is loaded."""
        run = self._job.run
        found = self._database.transact(lambda cursor: self._value(cursor, sql.DIGEST, run))
        return found or ""

    def load(self, units: Sequence[WorkUnit], digest: str) -> bool:
        """Fill the queue in one transaction, and remove the oldest runs; the first job wins."""
        run = self._job.run
        rows = [(run, number, dumps(unit.tests), unit.seconds) for number, unit in enumerate(units)]

        def work(cursor: Cursor) -> bool:
            old = [row[0] for row in self._rows(cursor, sql.OLDEST, _KEPT_S, _MOST_FORGOTTEN)]
            for table in ("results", "units", "jobs", "runs") if old else ():
                self._run(cursor, _marked(sql.FORGET.replace("{table}", table), old), *old)
            if not self._run(cursor, sql.ADD_RUN, run, digest, len(rows)):
                return False
            cursor.executemany(self._written(sql.ADD_UNIT), rows)
            return True

        return self._database.transact(work)

    def claim(self, aim: Aim) -> list[Leased]:
        """Lease the longest unit if it is high time for it, else the first free ones.

        Leases that have expired are free after the next `state` of any job.
        """
        run, name, token = self._job[:3]

        def work(cursor: Cursor) -> list[Leased]:
            if self._value(cursor, sql.STOPPED, run):
                return []
            rows = self._rows(cursor, sql.LONGEST, run, aim.long_s)
            rows = rows or self._rows(cursor, sql.NEXT, run, aim.n_units)
            rows = rows[: batch_size([row[3] for row in rows], [row[4] for row in rows], aim)]
            if rows:
                units = [row[0] for row in rows]
                lease = _marked(sql.LEASE, units)
                self._run(cursor, lease, name, token, self._lease_s, run, *units)
            return [_leased(row[0], row[1], row[2] + 1, is_suspect=row[4] > 0) for row in rows]

        return self._database.transact(work)

    def heartbeat(self, units: Sequence[Leased]) -> QueueState:
        """Prolong the leases of some units, and look at the queue."""
        run, _, token = self._job[:3]
        numbers = [unit.number for unit in sorted(units)]

        def work(cursor: Cursor) -> QueueState:
            self._run(cursor, sql.SEEN, run, token)
            for part in _parts(numbers):
                self._run(cursor, _marked(sql.PROLONG, part), self._lease_s, run, token, *part)
            return self._state(cursor)

        return self._database.transact(work)

    def held(self) -> list[Leased]:
        """Return the units that this job has leased, in the order of the plan."""
        run, _, token = self._job[:3]
        rows = self._database.transact(lambda cursor: self._rows(cursor, sql.HELD, run, token))
        return [_leased(*row[:3], is_suspect=row[3] > 0) for row in rows]

    def finish(self, done: Sequence[Leased]) -> list[Leased]:
        """Hand in finished units. A second delivery of the same result changes nothing."""
        units = sorted(done)

        def work(cursor: Cursor) -> list[Leased]:
            return [unit for part in _parts(units) for unit in self._finish(cursor, part)]

        return self._database.transact(work) if done else []

    def _finish(self, cursor: Cursor, units: Sequence[Leased]) -> list[Leased]:
        run, name, token = self._job[:3]
        pairs = {(unit.number, unit.fence) for unit in units}
        numbers = [unit.number for unit in units]
        owned = self._rows(cursor, _marked(sql.OWNED, numbers), run, *numbers, token)
        known = pairs & {(number, fence) for number, fence in owned}
        if known:
            ours = sorted(number for number, _ in known)
            self._run(cursor, _marked(sql.RESULT, ours), run, name, run, *ours)
            self._run(cursor, _marked(sql.DONE, ours), run, *ours)
        if len(known) < len(pairs):
            rows = self._rows(cursor, _marked(sql.RECORDED_BEFORE, numbers), run, *numbers, name)
            known |= {(number, fence) for number, fence in rows}
        return [unit for unit in units if (unit.number, unit.fence) not in known]

    def give_back(self, units: Sequence[Leased]) -> None:
        """Free units that this job will not run."""
        run, _, token = self._job[:3]

        def work(cursor: Cursor) -> None:
            for unit in sorted(units):
                self._run(cursor, sql.GIVE_BACK, run, unit.number, token, unit.fence)

        if units:
            self._database.transact(work)

    def stop(self) -> None:
        """Let no job of the run claim anything from now on."""
        name, run = self._job.name, self._job.run
        self._database.transact(lambda cursor: self._run(cursor, sql.STOP, name, run))

    def state(self) -> QueueState:
        """Return the state of the queue, after ending the leases that have expired."""

        def work(cursor: Cursor) -> QueueState:
            self._run(cursor, sql.EXPIRE, MOST_EXPIRIES, self._job.run, self._job.run)
            return self._state(cursor)

        return self._database.transact(work)

    def recorded(self) -> list[Leased]:
        """Return the units that earlier starts of this job have finished, in their order."""
        run, name = self._job.run, self._job.name
        rows = self._database.transact(lambda cursor: self._rows(cursor, sql.RECORDED, run, name))
        return [_leased(*row) for row in rows]

    def queued(self) -> list[int]:
        """Return the positions of all tests in the queue."""
        return self._tests(sql.TESTS)

    def lost(self) -> list[int]:
        """Return the positions of the tests that were given up."""
        return self._tests(sql.LOST)

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    def _tests(self, statement: str) -> list[int]:
        rows = self._database.transact(lambda cursor: self._rows(cursor, statement, self._job.run))
        return [test for row in rows for test in loads(row[0])]

    def _state(self, cursor: Cursor) -> QueueState:
        run = self._job.run
        found = {state: sums for state, *sums in self._rows(cursor, sql.BY_STATE, run)}
        n_free, free_s, longest_s = found.get("free", (0, 0.0, 0.0))
        n_leased, n_lost = (found.get(state, (0,))[0] for state in ("leased", "lost"))
        n_units = self._value(cursor, sql.UNITS, run) or 0
        return QueueState(
            n_free,
            free_s,
            longest_s,
            n_leased,
            n_units - n_free - n_leased - n_lost,
            n_lost,
            max(int(self._value(cursor, sql.WORKERS, run, self._lease_s)), self._job.n_expected),
            self._value(cursor, sql.STOPPED, run) or "",
        )

    def _run(self, cursor: Cursor, statement: str, *values: object) -> int:
        """Run a statement and return the number of changed rows."""
        cursor.execute(self._written(statement), values)
        return cursor.rowcount

    def _rows(self, cursor: Cursor, statement: str, *values: object) -> list[Any]:
        cursor.execute(self._written(statement), values)
        return cursor.fetchall()

    def _value(self, cursor: Cursor, statement: str, *values: object) -> Any:
        """Return the first value of the first row; None without a row."""
        cursor.execute(self._written(statement), values)
        row = cursor.fetchone()
        return None if row is None else row[0]

    def _written(self, statement: str) -> str:
        database = self._database
        statement = statement.replace("{now}", database.now).replace("{lock}", database.lock)
        statement = statement.replace("{wait}", database.wait)
        return statement if database.mark == "?" else statement.replace("?", database.mark)


def _parts(values: Sequence[T]) -> list[Sequence[T]]:
    """Return portions of values that fit into one statement."""
    return [values[at : at + _MOST_AT_ONCE] for at in range(0, len(values), _MOST_AT_ONCE)]


def _marked(statement: str, values: Sequence[object]) -> str:
    return statement.replace("{marks}", ", ".join("?" * len(values)))


def _leased(number: int, tests: str, fence: int, *, is_suspect: bool = False) -> Leased:
    return Leased(number, tuple(loads(tests)), fence, is_suspect)
