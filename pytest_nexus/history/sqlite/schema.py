"""Define the tables of the history file, and the migrations from older versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pytest_nexus.history.autopilot.setting_tables import LEARNED_SETTINGS, TABLES_OF_SETTINGS
from pytest_nexus.history.sqlite.outcome_table import DEPLOYMENTS
from pytest_nexus.history.sqlite.quality_table import NODES, QUALITY
from pytest_nexus.history.sqlite.selection_tables import SELECTION, TABLES_OF_SELECTION
from pytest_nexus.history.sqlite.uses_tables import TABLES_OF_USES, USES

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

Row: TypeAlias = tuple[Any, ...]
"""A row of the attempt table, with the columns in table order."""

SCHEMA_VERSION: Final = 12
"""Stored in `PRAGMA user_version`. Versions: 1, the first (0.1.0); 2, trust, artifacts, failing,
recovery; 3, failures by run, models; 4, settings of durations; 5, starts in microseconds,
order-dependent tests; 6, words of changes; 7, dependencies of tests; 8, figures
about predictions; 9, selection; 10, gaps as shares of the
expected failures, processor time of runs; 11, uses of deployed models, outcomes of deployments;
12, learned settings."""

APPLICATION_ID: Final = 0x4E585553
"""Stored in `PRAGMA application_id`; tells a history from other programs' databases."""

_RECOVERY: Final = """
-- How attempts after a failed one went, of tests that passed in the same run after all.
CREATE TABLE recovery (
    test_id INTEGER NOT NULL REFERENCES test,  -- the test
    signature TEXT NOT NULL,          -- of the first failure; empty if it has none
    bucket INTEGER NOT NULL,          -- seconds since the first attempt ended: 0 at once, 1 from
                                      -- 0.5, 2 from 2, 3 from 8, 4 from 30
    passed INTEGER NOT NULL,          -- attempts that passed
    failed INTEGER NOT NULL,          -- attempts that failed again
    PRIMARY KEY (test_id, signature, bucket)
) WITHOUT ROWID;
"""

_FIRST: Final = (
    """
-- Facts about the file itself; and when `nexus reuse` was told to be on or off, as `reuse_on` and
-- `reuse_off`: seconds since the epoch. `selection_on` and `selection_off`: the same of `select`.
CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,   -- `slim`: the file has runs and state, but no attempts
    value TEXT NOT NULL               -- `yes`
) WITHOUT ROWID;

-- One pytest session.
CREATE TABLE run (
    run_id INTEGER PRIMARY KEY,       -- number within this file; differs between copies
    run_uid TEXT NOT NULL UNIQUE,     -- 32 hexadecimal digits; the same in every copy
    started_at REAL NOT NULL,         -- seconds since the epoch, by the clock of its machine
    source TEXT NOT NULL,             -- `journal`, `junit`, `reportlog` or `durations`
    commit_id TEXT,                   -- commit that was checked out
    branch TEXT,                      -- branch that was checked out, or that the CI names
    base TEXT,                        -- commit that the change is compared with
    dirty INTEGER NOT NULL,           -- 1: the tree differed from the commit
    change_note TEXT NOT NULL,        -- what could not be found out about the change
    ci_provider TEXT,                 -- `github`; NULL outside CI
    ci_run_id TEXT,                   -- the same for all jobs of a run, and for its re-runs
    ci_run_number INTEGER,            -- counts the runs of a workflow upwards
    ci_run_attempt INTEGER,           -- 1, then more for re-runs
    ci_workflow TEXT,                 -- name of the workflow
    ci_job TEXT,                      -- name of the job
    ci_event TEXT,                    -- what started it, `push` or `pull_request`
    python TEXT NOT NULL,             -- version of Python
    pytest TEXT NOT NULL,             -- version of pytest
    platform TEXT NOT NULL,           -- operating system and machine
    workers INTEGER NOT NULL,         -- xdist workers; 0 without xdist
    selected_by TEXT NOT NULL,        -- JSON list of the options that limited the run
    n_collected INTEGER,              -- tests collected; NULL when it ended before
    n_selected INTEGER,               -- tests left after selection
    duration_s REAL,                  -- wall seconds; NULL when the end was not recorded
    exit_status INTEGER,              -- of pytest; NULL when the session was killed
    complete INTEGER NOT NULL,        -- 1: every selected test ran to its end
    n_attempts INTEGER NOT NULL,      -- attempts of all tests
    n_tests INTEGER NOT NULL,         -- tests with at least one attempt
    n_failed INTEGER NOT NULL,        -- tests whose first attempt failed or had an error
    n_reruns INTEGER NOT NULL,        -- attempts after the first
    mass_failure INTEGER NOT NULL,    -- 1: so many failed that it says nothing about flakiness
    digest BLOB NOT NULL,             -- over the content: decides between two copies of a run
    trust TEXT NOT NULL DEFAULT 'trusted',     -- `fork`: stored, but no state is derived from it
    head TEXT,                        -- commit that the CI's API names for the run of a fork
    cpu_s REAL,                       -- processor seconds of the session and its workers
    cpu_collect_s REAL,               -- of these, the seconds before the first test
    cores INTEGER                     -- logical cores that the session could use
);

-- A file that a run's change touches.
CREATE TABLE changed_file (
    run_id INTEGER NOT NULL REFERENCES run,  -- the run
    path TEXT NOT NULL,               -- relative to the root of the tests, with `/`
    status TEXT NOT NULL,             -- `A`dded, `M`odified, `D`eleted or `R`enamed
    added INTEGER NOT NULL,           -- lines added
    deleted INTEGER NOT NULL,         -- lines deleted
    old_path TEXT,                    -- where a renamed file was before
    PRIMARY KEY (run_id, path)
) WITHOUT ROWID;

-- A test that some run had.
CREATE TABLE test (
    test_id INTEGER PRIMARY KEY,      -- number within this file; differs between copies
    key TEXT NOT NULL UNIQUE,         -- node id with addresses and long parts normalised
    function TEXT                     -- key without parameters; NULL when it is the key
);

-- A reason for a failure; many attempts share one.
CREATE TABLE failure (
    failure_id INTEGER PRIMARY KEY,   -- number within this file; differs between copies
    signature TEXT NOT NULL,          -- 16 hexadecimal digits over the three texts
    phase TEXT NOT NULL,              -- `setup`, `call` or `teardown`
    exception TEXT NOT NULL,          -- qualified name of the exception
    location TEXT NOT NULL,           -- innermost frame of the project, `path::function`
    message TEXT NOT NULL,            -- first line, with numbers and quoted text masked
    UNIQUE (signature, phase)
);

-- One execution of one test in one run. Rows are inserted in key order, and nothing else is
-- indexed, so that a row takes about 30 bytes.
CREATE TABLE attempt (
    run_id INTEGER NOT NULL REFERENCES run,    -- the run
    test_id INTEGER NOT NULL REFERENCES test,  -- the test
    number INTEGER NOT NULL,          -- 1, then more for reruns in the same session
    outcomes INTEGER NOT NULL,        -- set-up + 8 call + 64 tear-down; 0 did not run, 1 passed,
                                      -- 2 failed, 3 error, 4 skipped, 5 xfailed, 6 xpassed
    setup_us INTEGER,                 -- duration of the set-up in microseconds
    call_us INTEGER,                  -- duration of the call in microseconds
    teardown_us INTEGER,              -- duration of the tear-down in microseconds
    started_us INTEGER NOT NULL,      -- microseconds from the start of the run
    worker INTEGER,                   -- 3 for xdist's `gw3`; 1000000 for a fresh process in which
                                      -- nothing else ran, 1000001 for one in the order of the
                                      -- collection; NULL otherwise
    failure_id INTEGER REFERENCES failure,     -- why it failed
    PRIMARY KEY (run_id, test_id, number)
) WITHOUT ROWID;

-- What is known of a test: a fold over its runs, always equal to the fold started anew.
CREATE TABLE state (
    test_id INTEGER PRIMARY KEY REFERENCES test,  -- the test
    runs INTEGER NOT NULL,            -- runs that have it, not skipped
    failures INTEGER NOT NULL,        -- runs whose first attempt failed or had an error
    rate_2 REAL NOT NULL,             -- failure rate, weight halved every 2 runs of the test
    rate_8 REAL NOT NULL,             -- failure rate, weight halved every 8 runs
    rate_32 REAL NOT NULL,            -- failure rate, weight halved every 32 runs
    since_failure INTEGER,            -- runs since the last failure; NULL when there was none
    transitions INTEGER NOT NULL,     -- how often the outcome changed from run to run
    flakes INTEGER NOT NULL,          -- commits on which it both failed and passed in one
                                      -- environment, each counted once for each environment
    last_outcome INTEGER NOT NULL,    -- of the last run, coded as in `attempt.outcomes`
    first_seen REAL NOT NULL,         -- start of the first run that has it
    last_seen REAL NOT NULL,          -- start of the last run that has it
    durations BLOB NOT NULL,          -- last 7 set-ups, calls and tear-downs in seconds, as 7 times
                                      -- 3 little-endian 32-bit floats; NaN before the first ones
    commits BLOB NOT NULL,            -- last 12 pairs of commit and environment (minor version of
                                      -- Python and platform): 8 bytes of a digest over both and a
                                      -- byte: 1 passed; 2 failed; 3 both
    settings BLOB NOT NULL DEFAULT x'' -- of the last 7 calls: 2 bytes of a digest over environment
                                      -- and number of workers, zeros where none is known
);

-- An artifact of a CI that was looked at by `nexus history pull`.
CREATE TABLE artifact (
    repository TEXT NOT NULL,         -- `owner/name`
    artifact_id INTEGER NOT NULL,     -- as the CI numbers it
    status TEXT NOT NULL,             -- `taken`, `refused`, `gone`; `failed` is tried again
    tries INTEGER NOT NULL,           -- how often it was downloaded
    reason TEXT NOT NULL,             -- why it was refused or failed
    PRIMARY KEY (repository, artifact_id)
) WITHOUT ROWID;

-- In a slim copy: since when a test fails on a branch, as derived from the attempts left out.
CREATE TABLE failing (
    key TEXT NOT NULL,                -- of the test
    branch TEXT NOT NULL,             -- where its last run failed; empty where none is known
    signature TEXT NOT NULL,          -- of that failure; empty where none is known
    started_at REAL NOT NULL,         -- start of the first run that failed so without a break
    commit_id TEXT,                   -- commit of that run
    runs INTEGER NOT NULL,            -- runs that failed so since then
    PRIMARY KEY (key, branch)
) WITHOUT ROWID;

-- A run that was pruned and must not come back.
CREATE TABLE tombstone (
    run_uid TEXT NOT NULL PRIMARY KEY -- of the pruned run
) WITHOUT ROWID;
"""
    + _RECOVERY
)

_MODELS: Final = """
-- A test whose first attempt failed in a run; so that no one has to look through all attempts.
CREATE TABLE failed_test (
    run_id INTEGER NOT NULL REFERENCES run,    -- the run
    test_id INTEGER NOT NULL REFERENCES test,  -- the test
    PRIMARY KEY (run_id, test_id)
) WITHOUT ROWID;

-- A version of the model, kept for good.
CREATE TABLE model (
    version TEXT NOT NULL PRIMARY KEY, -- 16 hexadecimal digits over the document
    parent TEXT,                      -- version that was deployed when it was trained
    created_at REAL NOT NULL,         -- seconds since the epoch
    document TEXT NOT NULL,           -- JSON: weights, trees, calibration, card
    lineage TEXT NOT NULL,            -- JSON: digest of the rows, runs, packages, seed
    metrics TEXT NOT NULL             -- JSON: figures of the training
) WITHOUT ROWID;

-- Which version is `champion`, which `challenger`; one row for each change, the last one counts.
CREATE TABLE model_alias (
    number INTEGER PRIMARY KEY,       -- counts upwards
    alias TEXT NOT NULL,              -- `champion` or `challenger`
    version TEXT,                     -- the version; NULL for the model that is shipped
    set_at REAL NOT NULL              -- seconds since the epoch
);
"""

_RULES: Final = """
-- A test that seems to depend on what ran before it.
CREATE TABLE order_rule (
    key TEXT NOT NULL,                -- of the test
    found_by TEXT NOT NULL,           -- `runs`: derived from attempts; `bisect`: by that command
    kind TEXT NOT NULL,               -- `brittle`: passes after others; `victim`: fails after them
    others TEXT NOT NULL,             -- JSON list of their keys, the likeliest first
    posterior REAL NOT NULL,          -- probability that it is so, and no flake
    failed INTEGER NOT NULL,          -- attempts that failed, and count as evidence
    passed INTEGER NOT NULL,          -- attempts that passed
    at REAL NOT NULL,                 -- start of the last run that counts
    touched INTEGER NOT NULL,         -- 1: that run's change touched the test or one of the others
    proved INTEGER NOT NULL,          -- runs in which a process of its own showed it
    followed INTEGER NOT NULL,        -- 1: later runs in which it passes count too
    PRIMARY KEY (key, found_by)
) WITHOUT ROWID;
"""

_WORDS: Final = """
-- The identifiers on the changed lines of a file.
CREATE TABLE changed_words (
    run_id INTEGER NOT NULL REFERENCES run,  -- the run
    path TEXT NOT NULL,               -- of the changed file
    words TEXT NOT NULL,              -- `name:count` with spaces between; `@` before names of
                                      -- enclosing functions and classes
    PRIMARY KEY (run_id, path)
) WITHOUT ROWID;
"""

SCHEMA: Final = (
    _FIRST + _MODELS + _RULES + _WORDS + USES + QUALITY + SELECTION + NODES + DEPLOYMENTS
    + LEARNED_SETTINGS
)  # fmt: skip

_FILL_FAILED: Final = """
INSERT INTO failed_test SELECT run_id, test_id FROM attempt WHERE number = 1 AND (
    (outcomes & 7) IN (2, 3) OR ((outcomes >> 3) & 7) IN (2, 3) OR ((outcomes >> 6) & 7) IN (2, 3)
);
"""

_STARTS: Final = """
ALTER TABLE attempt RENAME COLUMN started_ms TO started_us;
UPDATE attempt SET started_us = started_us * 1000;
"""

TABLES: Final = (
    "meta",
    "run",
    "changed_file",
    "test",
    "failure",
    "attempt",
    "state",
    "artifact",
    "failing",
    "tombstone",
    "recovery",
    "failed_test",
    "model",
    "model_alias",
    "order_rule",
    "changed_words",
    *TABLES_OF_USES,
    "run_quality",
    *TABLES_OF_SELECTION,
    "run_node",
    "deployment_outcome",
    *TABLES_OF_SETTINGS,
)

_USE_AND_GAPS: Final = """
ALTER TABLE run ADD COLUMN cpu_s REAL;
ALTER TABLE run ADD COLUMN cpu_collect_s REAL;
ALTER TABLE run ADD COLUMN cores INTEGER;
DELETE FROM selection_evidence;
DELETE FROM selection_cut;
"""
"""Gaps in the old unit are no evidence. Until the next training, all tests run."""

_TABLES_OF_2: Final = _FIRST[_FIRST.index("-- An artifact of") : _FIRST.index("-- A run that was")]

MIGRATIONS: Final[Mapping[int, str]] = {
    1: "ALTER TABLE run ADD COLUMN trust TEXT NOT NULL DEFAULT 'trusted';\n"
    "ALTER TABLE run ADD COLUMN head TEXT;\n" + _TABLES_OF_2 + _RECOVERY,
    2: _MODELS + _FILL_FAILED,
    3: "ALTER TABLE state ADD COLUMN settings BLOB NOT NULL DEFAULT x'';\n",
    4: _STARTS + _RULES,
    5: _WORDS,
    6: USES,
    7: QUALITY,
    8: SELECTION,
    9: _USE_AND_GAPS,
    10: NODES + DEPLOYMENTS,
    11: LEARNED_SETTINGS,
}
"""By version: the SQL that migrates to the next version."""


def statements(script: str) -> list[str]:
    """Split a script into statements, so that all of them run in the caller's transaction.

    A statement ends with a semicolon at the end of a line; its comments stay in it.
    """
    return [part for part in script.split(";\n") if part.strip()]


def create(connection: sqlite3.Connection) -> None:
    """Create the tables in an empty file. Called inside a transaction."""
    for statement in statements(SCHEMA):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def migrate(
    connection: sqlite3.Connection,
    steps: Mapping[int, str] = MIGRATIONS,
    to: int = SCHEMA_VERSION,
    finish: Callable[[sqlite3.Connection], None] | None = None,
) -> None:
    """Migrate an older file to version `to`, one transaction for each step.

    Every step reads the version again after it has the lock, since another process may have been
    faster. `finish` is called in the transaction of the last step. It recomputes derived data that
    older versions derived differently.
    """
    while True:
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version < to:
                _step(connection, steps[version], version + 1)
                if finish is not None and version + 1 == to:
                    finish(connection)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
        if version >= to:
            return


def _step(connection: sqlite3.Connection, script: str, version: int) -> None:
    for statement in statements(script):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {version}")
