"""Read the attempts of parquet files in the order of the fold, in portions of bounded size.

The runs of one portion follow each other in time. Each portion reads the few files that have these
runs, so nothing is sorted as a whole, and memory does not grow with the number of attempts.
"""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from pytest_nexus.domain.records import OUTCOMES
from pytest_nexus.errors import TrainingError
from pytest_nexus.history.analytics.duckdb_extra import load_duckdb
from pytest_nexus.history.sqlite.run_sequence import Slot, in_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

PORTION: Final = 1_000_000
"""Attempts that one portion may have; a larger run is a portion of its own."""
_MEMORY: Final = "1GB"
"""Memory of duckdb; it spills larger tables to the folder for temporary files."""

_RUNS: Final = """
    SELECT run, epoch_us(started_at) / 1e6 AS started_at, * EXCLUDE (run, started_at)
    FROM read_parquet($files) WHERE trusted AND source <> 'durations'
"""
_CHANGED: Final = """
    SELECT run, path, status, coalesce(added, 0), coalesce(deleted, 0), old_path
    FROM read_parquet($files) ORDER BY run, path
"""
_TESTS: Final = """
    CREATE TEMP TABLE known_test AS
    SELECT test, row_number() OVER (ORDER BY test) - 1 AS number
    FROM (SELECT DISTINCT test FROM read_parquet($files))
"""
_WHERE: Final = """
    SELECT run, filename, count(*) FROM read_parquet($files, filename = true) GROUP BY ALL
"""
_PORTION: Final = """
    SELECT wanted.place, known_test.number AS test, attempts.number,
        list_position($outcomes, outcome) AS outcome,
        coalesce(CAST(round(setup_s * 1e6) AS BIGINT), -1) AS setup_us,
        coalesce(CAST(round(call_s * 1e6) AS BIGINT), -1) AS call_us,
        coalesce(CAST(round(teardown_s * 1e6) AS BIGINT), -1) AS teardown_us,
        epoch_us(attempts.started_at) AS started_us, coalesce(worker, -1) AS worker
    FROM read_parquet($files) attempts
        JOIN (SELECT unnest($runs) AS run, unnest($places) AS place) wanted USING (run)
        JOIN known_test USING (test)
    ORDER BY wanted.place, known_test.number, attempts.number
"""


Array: TypeAlias = Any
"""An array of numpy, which only duckdb imports here: no session may import numpy."""


class StoredRun(NamedTuple):
    """One run of the files."""

    uid: str
    started_at: float
    """Start in seconds since the epoch."""
    facts: dict[str, Any]
    """All columns of its row, by name."""


class ChangedPath(NamedTuple):
    """One file that a run changed."""

    path: str
    status: str
    added: int
    deleted: int
    old_path: str | None


class Attempts(NamedTuple):
    """The attempts of some runs, sorted by run, test and number; arrays of equal length."""

    run: Array
    """Place of the run in the order of the fold."""
    test: Array
    """Number of the test."""
    number: Array
    """Number of the attempt, from 1."""
    outcome: Array
    """Code of the outcome, from 1, as in `journal.encoding.CODES`."""
    setup_us: Array
    """Microseconds; -1 for a phase that did not run."""
    call_us: Array
    teardown_us: Array
    started_us: Array
    """Microseconds since the epoch."""
    worker: Array
    """Number of the worker; -1 without xdist."""


class PastInParquet:
    """The runs and attempts in a folder that `nexus history export --format parquet` wrote.

    Created by `open_past`.
    """

    def __init__(self, connection: Any, folder: Path) -> None:
        self._connection = connection
        self._files = {
            name: sorted(map(str, (folder / name).glob("*.parquet")))
            for name in ("runs", "attempts", "changed_files")
        }
        missing = [name for name, files in self._files.items() if not files]
        if missing:
            raise TrainingError(
                "NX327",
                f"{str(folder)!r} has no {missing[0]}/*.parquet; `nexus history export --format"
                " parquet FOLDER` writes such a folder",
            )
        self.runs = self._runs()
        self._connection.execute(_TESTS, {"files": self._files["attempts"]})
        rows = self._connection.execute("SELECT test FROM known_test ORDER BY number").fetchall()
        self.tests: list[str] = [test for (test,) in rows]
        """The keys of all tests, by number."""

    def _runs(self) -> list[StoredRun]:
        """Return the trusted runs with outcomes, in the order of the fold."""
        found = self._connection.execute(_RUNS, {"files": self._files["runs"]})
        names = [column[0] for column in found.description]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
        by_uid = {row["run"]: row for row in rows}
        slots = [_slot(number, row) for number, row in enumerate(by_uid.values())]
        return [
            StoredRun(slot.run_uid, slot.started_at, by_uid[slot.run_uid])
            for slot in in_order(slots)
        ]

    def changed(self) -> dict[str, list[ChangedPath]]:
        """Return the changed files by run."""
        found: dict[str, list[ChangedPath]] = {}
        files = {"files": self._files["changed_files"]}
        for uid, *changed in self._connection.execute(_CHANGED, files).fetchall():
            found.setdefault(uid, []).append(ChangedPath(*changed))
        return found

    def portions(self, most: int = PORTION) -> Iterator[Attempts]:
        """Yield the attempts of all runs, in portions of whole runs that follow each other.

        Args:
            most: attempts in one portion.
        """
        counts, files = self._where()
        place = 0
        while place < len(self.runs):
            end, n = place, 0
            while end < len(self.runs) and (end == place or n + counts[end] <= most):
                n, end = n + counts[end], end + 1
            wanted = sorted({file for at in range(place, end) for file in files[at]})
            if wanted:
                yield self._portion(range(place, end), wanted)
            place = end

    def _where(self) -> tuple[list[int], list[set[str]]]:
        """Return by place how many attempts a run has, and in which files."""
        places = {run.uid: place for place, run in enumerate(self.runs)}
        counts = [0] * len(places)
        files: list[set[str]] = [set() for _ in places]
        rows = self._connection.execute(_WHERE, {"files": self._files["attempts"]}).fetchall()
        for uid, file, n in rows:
            place = places.get(uid)
            if place is not None:
                counts[place] += n
                files[place].add(file)
        return counts, files

    def _portion(self, places: range, files: Sequence[str]) -> Attempts:
        given = {
            "files": list(files),
            "outcomes": list(OUTCOMES),
            "runs": [self.runs[place].uid for place in places],
            "places": list(places),
        }
        found = self._connection.execute(_PORTION, given).fetchnumpy()
        return Attempts(*found.values())


@contextmanager
def open_past(folder: Path) -> Iterator[PastInParquet]:
    """Open a folder of parquet files.

    Raises:
        TrainingError: the folder has no such files, or a file cannot be read.
        HistoryError: duckdb is missing.
    """
    duckdb = load_duckdb()
    try:
        with closing(duckdb.connect()) as connection:
            connection.execute(f"SET memory_limit = '{_MEMORY}'")
            for setting in ("autoinstall_known_extensions", "autoload_known_extensions"):
                connection.execute(f"SET {setting} = false")
            yield PastInParquet(connection, folder)
    except duckdb.Error as exc:
        sentence = str(exc).partition("\n")[0]
        raise TrainingError(
            "NX328",
            f"Cannot read the parquet files in {str(folder)!r}: {sentence:.200}; export the"
            " history again",
        ) from exc


def _slot(number: int, row: dict[str, Any]) -> Slot:
    """Return what decides the place of a run; older exports lack the numbers of CI runs."""
    uid, started_at, of_ci = row["run"], row["started_at"], row.get("ci_number")
    if row.get("ci") is None or of_ci is None:
        return Slot(number, uid, started_at, None)
    series = (row["ci"], row.get("ci_workflow") or "")
    return Slot(number, uid, started_at, series, of_ci, row.get("ci_attempt") or 1)
