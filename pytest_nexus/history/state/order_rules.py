"""Keep the rules of order-dependent tests consistent with the stored attempts.

A rule is derived only from the last runs up to the last run with the test. So every copy of the
same runs has the same rules. Rules from bisections are stored separately.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.records import TestKey
from pytest_nexus.domain.system.originals import dumps, loads
from pytest_nexus.history.sqlite import connection as connections
from pytest_nexus.history.state.trials import TrialReader
from pytest_nexus.journal.encoding import FAIL, VERDICT_OF
from pytest_nexus.plan.order_dependence.order_rule import OrderRule

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from pytest_nexus.history.sqlite.schema import Row

_FOLLOWED: Final = """
    SELECT test_id FROM test JOIN order_rule USING (key) WHERE found_by = 'runs' AND followed = 1
"""
_FAILED: Final = """
    SELECT run_id, test_id, outcomes FROM attempt
    WHERE (outcomes & 7) IN (2, 3) OR ((outcomes >> 3) & 7) IN (2, 3) OR (outcomes >> 6) IN (2, 3)
"""
_LASTING: Final = """
    SELECT key FROM state JOIN test USING (test_id)
    WHERE since_failure = 0 AND key NOT IN (SELECT key FROM order_rule)
"""
_WRITE: Final = "INSERT OR REPLACE INTO order_rule VALUES (?" + ", ?" * 10 + ")"


class OrderRules:
    """The rules of one history.

    Every method raises `HistoryError`, or the subclass that names the remedy, if the file cannot be
    used.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def read(self) -> dict[TestKey, OrderRule]:
        """Return the rules by test, including uncertain rules."""
        with connections.decoded(self._path):
            connections.require_sound(self._connection, self._path, ["order_rule"], set())
            return read_rules(self._connection)

    def lasting(self) -> set[TestKey]:
        """Return the tests that failed in their last run and have no rule.

        Their rerun in a fresh process was tried in that run.
        """
        with connections.decoded(self._path):
            connections.require_sound(self._connection, self._path, ["test"], set())
            return {TestKey(key) for (key,) in self._connection.execute(_LASTING)}

    def keep(self, rule: OrderRule) -> None:
        """Store the result of a bisection, in place of an earlier result."""
        with connections.transaction(self._connection, self._path):
            write_rule(self._connection, rule)

    def drop(self, key: str) -> bool:
        """Remove the result of a bisection of a test; return whether there was a result."""
        with connections.transaction(self._connection, self._path):
            query = "DELETE FROM order_rule WHERE key = ? AND found_by = 'bisect'"
            return self._connection.execute(query, (key,)).rowcount > 0


def refresh_rules(
    connection: sqlite3.Connection, order: Sequence[int], fresh: Mapping[int, Iterable[Row]]
) -> None:
    """Derive again the rules that new runs may have changed. Called inside a transaction.

    Args:
        connection: of the history.
        order: all run ids in the order of the fold; the new ones are last.
        fresh: the attempts of the new runs.
    """
    failed, present = set(), set()
    for rows in fresh.values():
        for row in rows:
            present.add(row[1])
            if VERDICT_OF[row[3]] == FAIL:
                failed.add(row[1])
    followed = {test_id for (test_id,) in connection.execute(_FOLLOWED)} & present
    reader = TrialReader(connection, order)
    last = {test_id: reader.last_failed(test_id) for test_id in failed}
    _store(connection, _derived(connection, reader, dict.fromkeys(followed) | last))


def rebuild_rules(connection: sqlite3.Connection, order: Sequence[int]) -> None:
    """Derive all rules again, after runs were removed or inserted between others."""
    connection.execute("DELETE FROM order_rule WHERE found_by = 'runs'")
    _store(connection, all_derived(connection, order))


def all_derived(
    connection: sqlite3.Connection, order: Sequence[int]
) -> dict[TestKey, OrderRule | None]:
    """Return the derived rules of all tests that ever failed."""
    places = {run_id: place for place, run_id in enumerate(order)}
    last: dict[int, int] = {}
    for run_id, test_id, outcomes in connection.execute(_FAILED):
        if VERDICT_OF[outcomes] == FAIL and run_id in places:
            before = last.setdefault(test_id, run_id)
            if places[before] < places[run_id]:
                last[test_id] = run_id
    return _derived(connection, TrialReader(connection, order), last)


def _derived(
    connection: sqlite3.Connection, reader: TrialReader, last: Mapping[int, int | None]
) -> dict[TestKey, OrderRule | None]:
    """Return the derived rules of some tests by key; None for a test without a rule.

    Args:
        connection: of the history.
        reader: reads the trials.
        last: the last run in which each test failed, see `TrialReader.rule_of`.
    """
    if not last:
        return {}
    numbered = "SELECT test_id, key FROM test WHERE test_id IN (SELECT value FROM json_each(?))"
    keys = dict(connection.execute(numbered, (dumps(sorted(last)),)).fetchall())
    return {
        TestKey(keys[one]): reader.rule_of(one, TestKey(keys[one]), run_id)
        for one, run_id in sorted(last.items())
    }


def read_rules(
    connection: sqlite3.Connection, found_by: str | None = None
) -> dict[TestKey, OrderRule]:
    """Return the rules by test; a rule from a bisection takes precedence over a derived rule.

    Args:
        connection: of the history.
        found_by: return only rules from this source; None for all.

    Raises:
        ValueError: nexus never writes such a rule.
    """
    rules: dict[TestKey, OrderRule] = {}
    for key, by, kind, others, *figures in connection.execute(
        "SELECT * FROM order_rule ORDER BY key, found_by DESC"
    ):
        if found_by not in (None, by):
            continue
        names = loads(others)
        if type(names) is not list or not all(type(name) is str for name in names):
            raise ValueError(f"others of {key!r}: {others[:80]!r}")
        posterior, failed, passed, at, touched, proved, followed = figures
        rule = OrderRule(
            key, kind, tuple(names), posterior, failed, passed, by, at, bool(touched), proved,
            bool(followed),
        )  # fmt: skip
        before = rules.get(key)
        if before is None or rule.found_by == "bisect":
            rules[key] = rule
    return rules


def write_rule(connection: sqlite3.Connection, rule: OrderRule) -> None:
    """Store a rule in place of an older rule of the test. Called inside a transaction."""
    connection.execute(
        _WRITE,
        (
            rule.key,
            rule.found_by,
            rule.kind,
            dumps(list(rule.others)),
            rule.posterior,
            rule.n_failed,
            rule.n_passed,
            rule.at,
            int(rule.is_touched),
            rule.n_proved,
            int(rule.is_followed),
        ),
    )


def take_over(connection: sqlite3.Connection, others: Iterable[OrderRule]) -> None:
    """Store rules that bisections found in other histories, unless a rule here is newer."""
    ours = read_rules(connection)
    for rule in others:
        mine = ours.get(rule.key)
        if rule.found_by == "bisect" and (
            mine is None or mine.found_by == "runs" or mine.at < rule.at
        ):
            write_rule(connection, rule)


def _store(connection: sqlite3.Connection, found: Mapping[TestKey, OrderRule | None]) -> None:
    for key, rule in found.items():
        if rule is not None:
            write_rule(connection, rule)
        else:
            connection.execute("DELETE FROM order_rule WHERE key = ? AND found_by = 'runs'", (key,))
