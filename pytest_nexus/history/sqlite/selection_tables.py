"""The tables about selection: what runs left out, what they missed, and the stored promise."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_nexus.journal.encoding import FAIL, PASS, VERDICT_OF
from pytest_nexus.plan.selection.promise import FailingRun
from pytest_nexus.plan.selection.recorded import RunSelection

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

SELECTION: Final = """
-- What a run left out because it was unlikely to fail, or would have left out.
CREATE TABLE selection_run (
    run_id INTEGER PRIMARY KEY REFERENCES run, -- the run
    mode TEXT NOT NULL,               -- `on`: tests were left out; `shadow`: all tests ran
    rule TEXT NOT NULL,               -- the value of `nexus_select`
    confidence REAL,                  -- promised share of failing runs; NULL without a promise
    gap REAL,                         -- tests with larger gaps are left out; NULL without a cut
    n_left INTEGER NOT NULL,          -- tests that were left out, or would have been
    left_s REAL NOT NULL,             -- seconds that they were expected to take
    n_failed INTEGER NOT NULL,        -- tests that failed, and never passed in this run
    n_missed INTEGER NOT NULL         -- of these, the tests that would have been left out
);

-- A test that failed in a run, and would have been left out.
CREATE TABLE selection_missed (
    run_id INTEGER NOT NULL REFERENCES run,    -- the run
    test_id INTEGER NOT NULL REFERENCES test,  -- the test
    PRIMARY KEY (run_id, test_id)
) WITHOUT ROWID;

-- A past failing run, scored with the model of its time: the evidence for a promise.
CREATE TABLE selection_evidence (
    version TEXT NOT NULL,            -- model that was deployed when this was stored; or `shipped`
    number INTEGER NOT NULL,          -- in time order, from 0
    started_at REAL NOT NULL,         -- start of the run
    gaps BLOB NOT NULL,               -- gap of each failing test, the smallest first: logarithm of
                                      -- all expected failures over those of the tests that are no
                                      -- likelier; as little-endian 64-bit floats
    PRIMARY KEY (version, number)
) WITHOUT ROWID;

-- The cut of a confidence, as chosen when the evidence was stored.
CREATE TABLE selection_cut (
    version TEXT NOT NULL,            -- as in `selection_evidence`
    confidence REAL NOT NULL,         -- promised share of failing runs of which a failing test runs
    gap REAL,                         -- tests with larger gaps are left out; NULL: no cut is
                                      -- possible, all tests run
    risk REAL,                        -- corrected share of missed runs; NULL without a cut
    failing_runs INTEGER NOT NULL,    -- of the evidence
    needed INTEGER NOT NULL,          -- failing runs that this confidence needs; 0: none are enough
    made_at REAL NOT NULL,            -- when it was stored
    expires_at REAL NOT NULL,         -- from then on the evidence of this version does not count
    PRIMARY KEY (version, confidence)
) WITHOUT ROWID;

-- How the expected number of failures becomes the probability that a change breaks a test.
CREATE TABLE selection_risk (
    version TEXT NOT NULL PRIMARY KEY, -- as in `selection_evidence`
    slope REAL NOT NULL,              -- of the logarithm of the expected number of failures
    intercept REAL NOT NULL,          -- in log odds
    runs INTEGER NOT NULL,            -- past runs behind it
    failing_runs INTEGER NOT NULL,    -- failing ones among them
    brier REAL NOT NULL,              -- mean squared error on the last runs
    base_brier REAL NOT NULL          -- the same of the share of failing runs
) WITHOUT ROWID;
"""

TABLES_OF_SELECTION: Final = (
    "selection_run", "selection_missed", "selection_evidence", "selection_cut", "selection_risk"
)  # fmt: skip
OF_VERSIONS: Final = TABLES_OF_SELECTION[2:]
OF_RUNS: Final = TABLES_OF_SELECTION[:2]

MAX_GAPS: Final = 1000
"""Failing tests of a run whose gaps are stored, the smallest; a mass failure is no evidence."""

_GAP: Final = struct.Struct("<d")
_INSERT: Final = "INSERT INTO selection_run VALUES (?" + ", ?" * 8 + ")"
_COLUMNS: Final = "mode, rule, confidence, gap, n_left, left_s"
_MISSED: Final = "SELECT key FROM selection_missed JOIN test USING (test_id) WHERE run_id = ?"


class StoredCut(NamedTuple):
    """A row of the table of cuts, without its version."""

    confidence: float
    gap: float | None
    """None if no cut is possible; `inf` if the cut makes all tests run."""
    risk: float | None
    n_failing_runs: int
    n_needed: int
    made_at: float
    expires_at: float


def insert_selection(
    connection: sqlite3.Connection,
    run_id: int,
    selection: RunSelection,
    rows: Iterable[tuple[Any, ...]],
    ids: Mapping[str, int],
) -> None:
    """Store the selection of a run. Called inside a transaction.

    Args:
        connection: of the history.
        run_id: of the run.
        selection: as the session recorded it.
        rows: the attempts of the run.
        ids: of its tests, by key.
    """
    seen: dict[int, int] = {}
    for row in rows:
        seen[row[1]] = seen.get(row[1], 0) | VERDICT_OF[row[3]]
    failed = {test_id for test_id, verdicts in seen.items() if verdicts & (FAIL | PASS) == FAIL}
    left = {ids[key] for key in selection.left if key in ids}
    missed = sorted(failed & left)
    connection.execute(_INSERT, (run_id, *selection[:6], len(failed), len(missed)))
    connection.executemany(
        "INSERT INTO selection_missed VALUES (?, ?)", [(run_id, test_id) for test_id in missed]
    )


def read_selection(connection: sqlite3.Connection, run_id: int) -> RunSelection | None:
    """Return the selection of a stored run; None if it had none."""
    query = f"SELECT {_COLUMNS} FROM selection_run WHERE run_id = ?"  # noqa: S608 - ours
    row = connection.execute(query, (run_id,)).fetchone()
    if row is None:
        return None
    missed = frozenset(key for (key,) in connection.execute(_MISSED, (run_id,)))
    return RunSelection._make((*row, missed, ""))


def packed(run: FailingRun) -> bytes:
    """Return the gaps of the failing tests of a run, for the table of evidence."""
    return b"".join(_GAP.pack(gap) for gap in sorted(run.every)[:MAX_GAPS])


def evidence_of(started_at: float, gaps: bytes) -> FailingRun:
    """Return a row of the table of evidence as a failing run.

    Raises:
        ValueError, struct.error: the gaps are none that nexus wrote.
    """
    every = tuple(gap for (gap,) in _GAP.iter_unpack(gaps))
    if not every or not all(gap >= 0 for gap in every):
        raise ValueError("the gaps of a failing run")
    return FailingRun(started_at, min(every), every)
