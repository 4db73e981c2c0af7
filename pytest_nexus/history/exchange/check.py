"""Check whether a history is sound: its pages, its references, and its states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.history.sqlite.connection import is_slim
from pytest_nexus.history.sqlite.runs import ordered_runs
from pytest_nexus.history.state.fingerprints import folded_fingerprints, stored_fingerprints
from pytest_nexus.history.state.order_rules import all_derived, read_rules
from pytest_nexus.history.state.recoveries import stored_tallies, tallies
from pytest_nexus.history.state.refresh import folded
from pytest_nexus.history.uses.stored_uses import problems_of_uses

if TYPE_CHECKING:
    import sqlite3


def problems(connection: sqlite3.Connection) -> list[str]:
    """Return one sentence for each problem; the states of a slim copy cannot be checked."""
    execute = connection.execute
    said = [text for (text,) in execute("PRAGMA integrity_check") if text != "ok"]
    damaged = [line for text in said for line in text.split("\n")]
    if damaged:
        return damaged
    lost = [
        f"table {table!r} refers to a row of {parent!r} that is missing"
        for table, _, parent, _ in execute("PRAGMA foreign_key_check").fetchall()
    ]
    lost += problems_of_uses(connection)
    return lost if is_slim(connection) else lost + _stale_states(connection)


def _stale_states(connection: sqlite3.Connection) -> list[str]:
    order = ordered_runs(connection)
    if tallies(connection, order) != stored_tallies(connection):
        return ["what is known of reruns is stale; run `nexus history rebuild`"]
    rules = {key: rule for key, rule in all_derived(connection, order).items() if rule is not None}
    if rules != read_rules(connection, "runs"):
        return ["what is known of order-dependent tests is stale; run `nexus history rebuild`"]
    if folded_fingerprints(connection, order) != stored_fingerprints(connection):
        return ["what is known of dependencies is stale; run `nexus history rebuild`"]
    fresh = folded(connection, order)
    stored = {row[0]: row[1:] for row in connection.execute("SELECT * FROM state")}
    stale = [
        test_id
        for test_id in fresh.keys() | stored.keys()
        if fresh.get(test_id) != stored.get(test_id)
    ]
    if not stale:
        return []
    return [f"the state of {len(stale)} tests is stale; run `nexus history rebuild`"]
