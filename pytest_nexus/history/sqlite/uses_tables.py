"""Define the tables of the history file that hold what the tests used."""

from __future__ import annotations

from typing import Final

USES: Final = """
-- A file or folder that a dependency names; one row has an empty path, for all other dependencies.
CREATE TABLE used_path (
    path_id INTEGER PRIMARY KEY,      -- number within this file; differs between copies
    path TEXT NOT NULL UNIQUE         -- relative to the root, with `/`
);

-- Something that a test used, with the content that it had.
CREATE TABLE dependency (
    path_id INTEGER NOT NULL REFERENCES used_path,  -- the file or folder
    kind INTEGER NOT NULL,            -- 0 function, 1 everything in a file that runs at import,
                                      -- 2 data file, 3 names in a folder, 4 variable of the
                                      -- environment, 5 distribution, 6 fact of the session
    name TEXT NOT NULL,               -- of a function in its file, of a variable, a distribution or
                                      -- a fact; else empty
    digest BLOB NOT NULL,             -- 8 bytes over the content; empty if there was none
    dependency_id INTEGER NOT NULL,   -- number within this file; differs between copies
    PRIMARY KEY (path_id, kind, name, digest)
) WITHOUT ROWID;

-- Up to 64 sets of dependencies; set 64 n + i is the i-th set of pack n.
CREATE TABLE set_pack (
    pack_id INTEGER PRIMARY KEY,      -- number within this file; differs between copies
    sets BLOB NOT NULL                -- compressed with zlib: number of sets, their lengths, and in
                                      -- each the distances between the ids of its dependencies
);

-- Finds a set by its content; empty in a slim copy.
CREATE TABLE set_index (
    hash INTEGER PRIMARY KEY,         -- 63 bits of a digest over the set
    set_id INTEGER NOT NULL           -- the set
);

-- What the tests of a run used.
CREATE TABLE run_uses (
    run_id INTEGER PRIMARY KEY REFERENCES run,  -- the run
    tests BLOB NOT NULL               -- compressed with zlib: test ids, sets of functions, sets of
                                      -- everything else, each number as distance to the one before
);

-- What a test used when it passed: derived from all runs, at most four for each test.
CREATE TABLE fingerprint (
    test_id INTEGER NOT NULL REFERENCES test,  -- the test
    place INTEGER NOT NULL,           -- 1 for the newest, up to 4
    functions INTEGER NOT NULL,       -- set of the functions
    others INTEGER NOT NULL,          -- set of everything else
    run_id INTEGER NOT NULL REFERENCES run,    -- the newest run in which it passed with these
    PRIMARY KEY (test_id, place)
) WITHOUT ROWID;

-- The statements of one version of a file that run at import.
CREATE TABLE module_level (
    digest BLOB NOT NULL PRIMARY KEY, -- as in a dependency of kind 1
    statements BLOB NOT NULL          -- compressed with zlib, JSON: of each statement the name that
                                      -- it binds, and 16 hexadecimal digits over its text
) WITHOUT ROWID;
"""

TABLES_OF_USES: Final = (
    "used_path",
    "dependency",
    "set_pack",
    "set_index",
    "run_uses",
    "fingerprint",
    "module_level",
)
