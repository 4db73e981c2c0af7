"""Check the content of a history file, since somebody else may have made the file.

Triggers and views run when a table is used. A damaged tree of pages may have no end. Any column may
hold any value. So everything is checked: the schema when a file is opened, the work of every query,
and the values of a table before they are read.
"""

from __future__ import annotations

import re
import sqlite3
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.change_words import MAX_CHARS
from pytest_nexus.history.sqlite import schema
from pytest_nexus.history.sqlite.quality_table import MAX_JSON_CHARS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

MAX_VALUE_BYTES: Final = 128 * 1024 * 1024
"""Limit of one value or one row. The longest are parameters with the keys of all tests."""

_TICK: Final = 100_000
_LEAST_STEPS: Final = 100_000_000
"""About two seconds of work."""

_STEPS_A_BYTE: Final = 25
"""The smallest row takes 10 bytes, and our queries need at most 100 steps for each row."""

_KEPT_BY_SQLITE: Final = frozenset({"sqlite_stat1", "sqlite_stat4"})
"""Tables that ANALYZE creates."""

_COMMENT: Final = re.compile(r"--[^\n]*")
_SPACE: Final = re.compile(r"\s+")
_AROUND: Final = re.compile(r" ?([(),]) ?")
_DATES: Final = "BETWEEN -62135596800 AND 253402300799"
_COUNT: Final = "BETWEEN 0 AND 9007199254740992"


class Guarded(sqlite3.Connection):
    """A connection that interrupts endless queries; a sound file needs few reads of each row."""

    def guard(self, path: Path) -> None:
        """Start watching; the size of the file at `path` limits the work of a query."""
        self._path = path
        self._steps = self._written = 0
        self._is_writing = False
        self.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
        self.set_progress_handler(self._tick, _TICK)

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        """Run a statement with its own limit."""
        self._steps = 0
        return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any]) -> sqlite3.Cursor:
        """Write any number of rows; the limit of later queries grows with them."""
        self._is_writing = True
        try:
            return super().executemany(sql, parameters)
        finally:
            self._is_writing = False

    def _tick(self) -> bool:
        """Count the steps of a statement; return True to interrupt it."""
        if self._is_writing:
            self._written += _TICK
            return False
        self._steps += _TICK
        return self._steps > _LEAST_STEPS and self._steps > self._bound()

    def _bound(self) -> int:
        try:
            size = self._path.stat().st_size
        except OSError:
            size = 0
        return _LEAST_STEPS + _STEPS_A_BYTE * (size + self._written)


def unknown_object(rows: Iterable[tuple[str, str, str, str | None]], version: int) -> str:
    """Return the first object of a schema that nexus did not create; empty if there is none.

    Args:
        rows: type, name, table and SQL of each object, as SQLite stores them.
        version: of the schema; tables of an older version may lack columns that were added since.
    """
    for kind, name, table, sql in rows:
        if kind == "index" and sql is None and table in schema.TABLES:
            continue  # an index of a primary key, or of UNIQUE
        if kind == "table" and (name in _KEPT_BY_SQLITE or _is_ours(name, sql or "", version)):
            continue
        return f"{kind} {name!r}"
    return ""


def odd_table(connection: sqlite3.Connection, tables: Iterable[str]) -> str:
    """Return the first table with a value that nexus does not write; empty if there is none.

    Values that only the reader of a row can check, such as JSON, are not checked here.
    """
    for table in tables:
        query = f"SELECT 1 FROM {table} WHERE ({_SOUND[table]}) IS NOT TRUE LIMIT 1"  # noqa: S608 - ours
        if connection.execute(query).fetchone() is not None:
            return table
    return ""


def _is_ours(name: str, sql: str, version: int) -> bool:
    exact, plain = _expected().get(name, ("", ""))
    if not exact or sql == exact:
        return bool(exact)
    found = _normalised(sql).replace("started_ms", "started_us")  # its name until version 4
    return found == plain or (
        version < schema.SCHEMA_VERSION and plain.startswith(f"{found.removesuffix(')')},")
    )


@cache
def _expected() -> dict[str, tuple[str, str]]:
    """Return the SQL of each table: as written, and in its normal form."""
    texts = (text[text.index("CREATE TABLE") :] for text in schema.statements(schema.SCHEMA))
    return {text.split(" ", 3)[2]: (text, _normalised(text)) for text in texts}


def _normalised(sql: str) -> str:
    """Return SQL without comments and extra spaces, since migrations leave other ones."""
    return _AROUND.sub(r"\1", _SPACE.sub(" ", _COMMENT.sub("", sql))).strip()


def _texts(*names: str) -> list[str]:
    return [f"typeof({name}) = 'text'" for name in names]


def _texts_or_null(*names: str) -> list[str]:
    return [f"typeof({name}) IN ('text', 'null')" for name in names]


def _integers(*names: str, bound: str = _COUNT) -> list[str]:
    return [f"typeof({name}) = 'integer' AND {name} {bound}" for name in names]


def _integers_or_null(*names: str, bound: str = _COUNT) -> list[str]:
    return [
        f"({name} IS NULL OR (typeof({name}) = 'integer' AND {name} {bound}))" for name in names
    ]


def _numbers(*names: str) -> list[str]:
    return [
        f"typeof({name}) IN ('integer', 'real') AND {name} BETWEEN 0 AND 1e12" for name in names
    ]


def _numbers_or_null(*names: str) -> list[str]:
    return [
        f"({name} IS NULL OR ({each}))" for name, each in zip(names, _numbers(*names), strict=True)
    ]


_CONDITIONS: Final[Mapping[str, list[str]]] = {
    "run": [
        *_integers("run_id", "workers", "n_attempts", "n_tests", "n_failed", "n_reruns"),
        *_integers("dirty", "complete", "mass_failure", bound="IN (0, 1)"),
        *_integers_or_null("ci_run_number", "ci_run_attempt", "n_collected", "n_selected"),
        *_integers_or_null("exit_status", bound="BETWEEN -4294967296 AND 4294967296"),
        *_texts("run_uid", "source", "change_note", "python", "pytest", "platform", "selected_by"),
        *_texts_or_null("commit_id", "branch", "base", "ci_provider", "ci_run_id", "ci_workflow"),
        *_texts_or_null("ci_job", "ci_event", "head"),
        f"started_at {_DATES}",
        *(f"coalesce({name}, 0) BETWEEN 0 AND 1e9" for name in ("duration_s", "cpu_s")),
        "coalesce(cpu_collect_s, 0) BETWEEN 0 AND 1e9",
        *_integers_or_null("cores", bound="BETWEEN 1 AND 100000"),
        "(ci_provider IS NULL OR (ci_run_id IS NOT NULL AND ci_run_attempt IS NOT NULL))",
        "typeof(digest) = 'blob'",
        "trust IN ('trusted', 'fork')",
    ],
    "changed_file": [
        *_integers("run_id", "added", "deleted"),
        *_texts("path"),
        *_texts_or_null("old_path"),
        "status IN ('A', 'M', 'D', 'R')",
    ],
    "changed_words": [
        *_integers("run_id"),
        *_texts("path", "words"),
        f"length(words) <= {MAX_CHARS}",
    ],
    "test": [*_integers("test_id"), *_texts("key"), *_texts_or_null("function")],
    "failure": [
        *_integers("failure_id"),
        *_texts("signature", "exception", "location", "message"),
        "phase IN ('setup', 'call', 'teardown')",
    ],
    "attempt": [
        *_integers("run_id", "test_id", "started_us"),
        *_integers("number", bound="BETWEEN 1 AND 1000"),
        *_integers("outcomes", bound="BETWEEN 0 AND 511"),
        *_integers_or_null("setup_us", "call_us", "teardown_us", "worker", "failure_id"),
    ],
    "artifact": [
        *_integers("artifact_id", "tries"),
        *_texts("repository", "reason"),
        "status IN ('taken', 'refused', 'gone', 'failed')",
    ],
    "failing": [
        *_texts("key", "branch", "signature"),
        *_texts_or_null("commit_id"),
        *_integers("runs"),
        f"started_at {_DATES}",
    ],
    "tombstone": _texts("run_uid"),
    "recovery": [
        *_integers("test_id", "bucket", "passed", "failed"),
        *_texts("signature"),
    ],
    "failed_test": _integers("run_id", "test_id"),
    "model": [
        *_texts("version", "document", "lineage", "metrics"),
        *_texts_or_null("parent"),
        f"created_at {_DATES}",
        "length(document) <= 1000000 AND length(lineage) <= 1000000 AND length(metrics) <= 1000000",
    ],
    "model_alias": [
        *_integers("number"),
        *_texts_or_null("version"),
        f"set_at {_DATES}",
        "alias IN ('champion', 'challenger')",
    ],
    "used_path": [*_integers("path_id"), *_texts("path"), "length(path) <= 4096"],
    "dependency": [
        *_integers("path_id", "dependency_id"),
        *_integers("kind", bound="BETWEEN 0 AND 6"),
        *_texts("name"),
        "length(name) <= 4096",
        "typeof(digest) = 'blob' AND length(digest) IN (0, 8)",
    ],
    "set_pack": [*_integers("pack_id"), "typeof(sets) = 'blob'"],
    "set_index": [*_integers("hash", bound=">= 0"), *_integers("set_id")],
    "run_uses": [*_integers("run_id"), "typeof(tests) = 'blob'"],
    "fingerprint": [
        *_integers("test_id", "functions", "others", "run_id"),
        *_integers("place", bound="BETWEEN 1 AND 4"),
    ],
    "module_level": [
        "typeof(digest) = 'blob' AND length(digest) = 8",
        "typeof(statements) = 'blob'",
    ],
    "run_quality": [
        *_integers("run_id", "n_tests", "n_failed", "n_selected", "n_left", "n_missed"),
        *_texts("model", "orders", "bins", "budgets", "features"),
        *_numbers("brier", "log_loss", "expected_s", "real_s", "left_s"),
        *_numbers_or_null("apfdc", "first_failure_s"),
        "length(model) <= 64",
        *[
            f"length({name}) <= {MAX_JSON_CHARS}"
            for name in ("orders", "bins", "budgets", "features")
        ],
    ],
    "run_node": [
        *_integers("run_id", "n_tests"),
        *_texts("region", "node"),
        *_numbers("scoring_ms"),
        "length(region) <= 100 AND length(node) <= 16",
        "got IN ('fresh', 'cached', 'last good')",
    ],
    "selection_run": [
        *_integers("run_id", "n_left", "n_failed", "n_missed"),
        *_texts("rule"),
        *_numbers("left_s"),
        "(gap IS NULL OR (typeof(gap) = 'real' AND gap >= 0))",
        "(confidence IS NULL OR (typeof(confidence) = 'real' AND confidence BETWEEN 0 AND 1))",
        "mode IN ('on', 'shadow')",
        "length(rule) <= 1000",
    ],
    "selection_missed": _integers("run_id", "test_id"),
    "selection_evidence": [
        *_texts("version"),
        *_integers("number"),
        f"started_at {_DATES}",
        "length(version) <= 64",
        "typeof(gaps) = 'blob' AND length(gaps) BETWEEN 8 AND 8000",
    ],
    "selection_cut": [
        *_texts("version"),
        *_integers("failing_runs", "needed"),
        "typeof(confidence) = 'real' AND confidence BETWEEN 0 AND 1",
        "(gap IS NULL OR (typeof(gap) = 'real' AND gap >= 0))",
        "(risk IS NULL OR (typeof(risk) = 'real' AND risk BETWEEN 0 AND 1))",
        f"made_at {_DATES} AND expires_at {_DATES}",
        "length(version) <= 64",
    ],
    "selection_risk": [
        *_texts("version"),
        *_integers("runs", "failing_runs"),
        "typeof(slope) = 'real' AND slope BETWEEN 0 AND 1e6",
        "typeof(intercept) = 'real' AND intercept BETWEEN -1e6 AND 1e6",
        "brier BETWEEN 0 AND 1 AND base_brier BETWEEN 0 AND 1",
        "length(version) <= 64",
    ],
    "deployment_outcome": [
        *_texts("commit_id", "environment"),
        f"at {_DATES}",
        "status IN ('deployed', 'failed', 'rolled-back', 'hotfix')",
        "source IN ('recorded', 'github', 'git')",
        "length(commit_id) <= 64 AND length(environment) <= 256",
    ],
    "setting_version": [
        *_texts("version", "setting", "value", "earlier", "evidence", "metrics"),
        *_texts_or_null("parent"),
        f"since {_DATES}",
        "length(version) = 16 AND length(setting) <= 64",
        "length(value) <= 256 AND length(earlier) <= 256",
        "length(evidence) <= 10000 AND length(metrics) <= 100000",
        "status IN ('trial', 'adopted', 'rejected', 'stopped', 'taken back', 'replaced')",
    ],
    "setting_experiment": [
        *_integers("number"),
        *_texts("version", "setting", "value", "earlier", "verdict"),
        "length(setting) <= 64 AND length(value) <= 256 AND length(earlier) <= 256",
        "length(verdict) <= 64",
        "phase IN ('trial', 'watch') AND goal IN ('wall', 'machine', 'missed')",
        "typeof(share) = 'real' AND share BETWEEN 0.01 AND 0.99",
        "typeof(cost_limit) = 'real' AND cost_limit BETWEEN 0.01 AND 1e6",
        f"began_at {_DATES} AND (ended_at IS NULL OR ended_at {_DATES})",
    ],
    "autopilot_log": [
        *_integers("number"),
        *_texts("kind", "setting", "sentence", "figures"),
        f"at {_DATES}",
        "length(kind) <= 64 AND length(setting) <= 64",
        "length(sentence) <= 10000 AND length(figures) <= 100000",
    ],
    "order_rule": [
        *_texts("key", "others"),
        *_integers("failed", "passed", "proved"),
        *_integers("touched", "followed", bound="IN (0, 1)"),
        f"at {_DATES}",
        "posterior BETWEEN 0 AND 1",
        "kind IN ('brittle', 'victim')",
        "found_by IN ('runs', 'bisect')",
        "length(others) <= 1000000",
    ],
}
_SOUND: Final = {table: " AND ".join(parts) for table, parts in _CONDITIONS.items()}
"""Conditions for values that nexus writes; SQLite sorts text and blobs after every number."""

TABLES: Final = tuple(_SOUND)
"""The tables with known conditions."""
