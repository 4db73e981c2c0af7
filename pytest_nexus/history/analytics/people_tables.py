"""Define the tables that people query: their columns, and where the history has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_TIME: Final = "TIMESTAMP"
NULL: Final = "\\N"
"""Stands for what is unknown, because CSV has no NULL; a text that is the same becomes unknown."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table for people."""

    name: str
    type: str
    """Type in duckdb."""
    source: str
    """Expression in the history; of a TIMESTAMP, seconds since the epoch."""
    meaning: str
    """What the values are, in a few words."""


@dataclass(frozen=True, slots=True)
class PeopleTable:
    """One table for people."""

    name: str
    source: str
    """The tables of the history that it is read from."""
    columns: tuple[Column, ...]

    @property
    def raw_types(self) -> dict[str, str]:
        """The types of the values that the query gives, by column."""
        return {
            column.name: "DOUBLE" if column.type == _TIME else column.type
            for column in self.columns
        }

    @property
    def projection(self) -> str:
        """The expressions that turn these values into the columns."""
        return ", ".join(
            f"make_timestamp(CAST(round({column.name} * 1e6) AS BIGINT)) AS {column.name}"
            if column.type == _TIME
            else column.name
            for column in self.columns
        )

    @property
    def query(self) -> str:
        """The query that reads the table from the history, with `NULL` for what is unknown."""
        selected = ", ".join(f"coalesce({column.source}, '{NULL}')" for column in self.columns)
        return f"SELECT {selected} FROM {self.source}"  # noqa: S608 - constants of this module


_SETUP, _CALL, _TEARDOWN = "(outcomes & 7)", "(outcomes >> 3 & 7)", "(outcomes >> 6 & 7)"
_OUTCOME: Final = f"""
    CASE WHEN {_CALL} = 2 THEN 'failed'
    WHEN {_CALL} = 3 OR {_SETUP} IN (2, 3) OR {_TEARDOWN} IN (2, 3) THEN 'error'
    WHEN 4 IN ({_SETUP}, {_CALL}, {_TEARDOWN}) THEN 'skipped'
    WHEN 5 IN ({_SETUP}, {_CALL}) THEN 'xfailed'
    WHEN {_CALL} = 6 THEN 'xpassed' ELSE 'passed' END
"""

RUNS: Final = PeopleTable(
    "runs",
    "run",
    (
        Column("run", "VARCHAR", "run_uid", "32 hexadecimal digits, the same in every copy"),
        Column("started_at", "TIMESTAMP", "started_at", "start, in UTC"),
        Column("duration_s", "DOUBLE", "duration_s", "wall seconds; NULL for a killed session"),
        Column("commit_id", "VARCHAR", "commit_id", "commit that was checked out"),
        Column("branch", "VARCHAR", "branch", "branch that was checked out"),
        Column("dirty", "BOOLEAN", "dirty", "whether the files differed from the commit"),
        Column("source", "VARCHAR", "source", "journal, junit, reportlog or durations"),
        Column("trusted", "BOOLEAN", "trust = 'trusted'", "false for the run of a fork"),
        Column("ci", "VARCHAR", "ci_provider", "provider of the CI; NULL outside CI"),
        Column("ci_run", "VARCHAR", "ci_run_id", "the same for all jobs of a CI run"),
        Column("ci_job", "VARCHAR", "ci_job", "name of the job"),
        Column("ci_workflow", "VARCHAR", "ci_workflow", "name of the workflow"),
        Column("ci_number", "BIGINT", "ci_run_number", "number of the run in its workflow"),
        Column("ci_attempt", "BIGINT", "ci_run_attempt", "1, then more for a CI run started again"),
        Column("python", "VARCHAR", "python", "version of Python"),
        Column("pytest", "VARCHAR", "pytest", "version of pytest"),
        Column("platform", "VARCHAR", "platform", "operating system and machine"),
        Column("workers", "INTEGER", "workers", "xdist workers; 0 without xdist"),
        Column("tests", "BIGINT", "n_tests", "tests with at least one attempt"),
        Column("failed", "BIGINT", "n_failed", "tests whose first attempt failed"),
        Column("reruns", "BIGINT", "n_reruns", "attempts after the first"),
        Column("mass_failure", "BOOLEAN", "mass_failure", "whether most tests failed together"),
        Column("exit_status", "INTEGER", "exit_status", "of pytest; NULL for a killed session"),
        Column("complete", "BOOLEAN", "complete", "whether every selected test ran to its end"),
    ),
)
ATTEMPTS: Final = PeopleTable(
    "attempts",
    "attempt JOIN run USING (run_id) JOIN test USING (test_id) LEFT JOIN failure"
    " USING (failure_id)",
    (
        Column("run", "VARCHAR", "run_uid", "the run, as in runs"),
        Column("test", "VARCHAR", "key", "node id, with addresses and long parts normalised"),
        Column("number", "INTEGER", "number", "1, then more for reruns in the same session"),
        Column(
            "outcome",
            "VARCHAR",
            _OUTCOME,
            "passed, failed, error, skipped, xfailed or xpassed",
        ),
        Column("setup_s", "DOUBLE", "setup_us / 1e6", "seconds of the set-up"),
        Column("call_s", "DOUBLE", "call_us / 1e6", "seconds of the call"),
        Column("teardown_s", "DOUBLE", "teardown_us / 1e6", "seconds of the tear-down"),
        Column(
            "started_at",
            "TIMESTAMP",
            "started_at + started_us / 1e6",
            "start, in UTC",
        ),
        Column("worker", "INTEGER", "worker", "3 for xdist's gw3; NULL without xdist"),
        Column("signature", "VARCHAR", "signature", "of the failure; NULL if it did not fail"),
    ),
)
FAILURES: Final = PeopleTable(
    "failures",
    "failure",
    (
        Column("signature", "VARCHAR", "signature", "16 hexadecimal digits, as in attempts"),
        Column("phase", "VARCHAR", "phase", "setup, call or teardown"),
        Column("exception", "VARCHAR", "exception", "qualified name of the exception"),
        Column("location", "VARCHAR", "location", "innermost frame of the project"),
        Column("message", "VARCHAR", "message", "first line, numbers and quoted texts masked"),
    ),
)
CHANGED_FILES: Final = PeopleTable(
    "changed_files",
    "changed_file JOIN run USING (run_id)",
    (
        Column("run", "VARCHAR", "run_uid", "the run, as in runs"),
        Column("path", "VARCHAR", "path", "relative to the root of the tests"),
        Column("status", "VARCHAR", "status", "A(dded), M(odified), D(eleted) or R(enamed)"),
        Column("added", "BIGINT", "added", "lines added"),
        Column("deleted", "BIGINT", "deleted", "lines deleted"),
        Column("old_path", "VARCHAR", "old_path", "where a renamed file was before"),
    ),
)
PEOPLE_TABLES: Final = (RUNS, ATTEMPTS, FAILURES, CHANGED_FILES)
