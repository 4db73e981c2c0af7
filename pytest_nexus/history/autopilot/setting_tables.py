"""The tables of learned settings."""

from __future__ import annotations

from typing import Final

LEARNED_SETTINGS: Final = """
-- A learned value of a setting. Only trusted commands write this; no journal holds it.
CREATE TABLE setting_version (
    version TEXT NOT NULL PRIMARY KEY, -- 16 hexadecimal digits
    parent TEXT,                      -- version that was in force before; NULL for the default
    setting TEXT NOT NULL,            -- `shards`, `workers`, `select`, `reruns`, ...
    value TEXT NOT NULL,              -- the value
    earlier TEXT NOT NULL,           -- the value that the parent stands for
    evidence TEXT NOT NULL,           -- what was expected, later what was found, in a sentence
    since REAL NOT NULL,              -- seconds since the epoch
    metrics TEXT NOT NULL,            -- JSON: expected changes, figures of the experiment
    status TEXT NOT NULL              -- `trial`, `adopted`, `rejected`, `stopped`, `taken back` or
                                      -- `replaced`
) WITHOUT ROWID;

-- The comparison of a new value with the value before; at most the last one is open.
CREATE TABLE setting_experiment (
    number INTEGER PRIMARY KEY,       -- counts upwards from 1
    version TEXT NOT NULL,            -- the tried version
    setting TEXT NOT NULL,            -- as in the version
    value TEXT NOT NULL,              -- as in the version
    earlier TEXT NOT NULL,           -- as in the version
    phase TEXT NOT NULL,              -- `trial`, or `watch` of an adopted value
    goal TEXT NOT NULL,               -- the figure that is to fall: `wall`, `machine` or `missed`
    share REAL NOT NULL,              -- share of the runs that get the new value
    cost_limit REAL NOT NULL,         -- factor by which machine time may grow
    began_at REAL NOT NULL,           -- seconds since the epoch; later runs count
    ended_at REAL,                    -- NULL while it is open
    verdict TEXT NOT NULL             -- `better`, `worse`, `guard`, `no result`, `rolled back`,
                                      -- empty while it is open
);

-- Every decision about settings, as one sentence.
CREATE TABLE autopilot_log (
    number INTEGER PRIMARY KEY,       -- counts upwards
    at REAL NOT NULL,                 -- seconds since the epoch
    kind TEXT NOT NULL,               -- `suggested`, `began`, `adopted`, `rejected`, `stopped`,
                                      -- `taken back`, `settled`, `regime` or `rolled back`
    setting TEXT NOT NULL,            -- empty if it is about no single setting
    sentence TEXT NOT NULL,           -- the decision
    figures TEXT NOT NULL             -- JSON
);
"""

TABLES_OF_SETTINGS: Final = ("setting_version", "setting_experiment", "autopilot_log")
