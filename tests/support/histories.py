"""Histories as earlier versions left them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.history.autopilot.setting_tables import TABLES_OF_SETTINGS
from pytest_nexus.history.sqlite.selection_tables import TABLES_OF_SELECTION
from pytest_nexus.history.sqlite.uses_tables import TABLES_OF_USES

if TYPE_CHECKING:
    import sqlite3


def make_version_9(connection: sqlite3.Connection) -> None:
    """Take from a history what versions 10 to 12 of the schema added."""
    connection.execute("DROP TABLE run_node")
    connection.execute("DROP TABLE deployment_outcome")
    for table in TABLES_OF_SETTINGS:
        connection.execute(f"DROP TABLE {table}")
    for column in ("cpu_s", "cpu_collect_s", "cores"):
        connection.execute(f"ALTER TABLE run DROP COLUMN {column}")
    connection.execute("PRAGMA user_version = 9")


def make_version_1(connection: sqlite3.Connection) -> None:
    """Take from a history what versions 2 to 12 of the schema added."""
    make_version_9(connection)
    for column in ("trust", "head"):
        connection.execute(f"ALTER TABLE run DROP COLUMN {column}")
    added = ("artifact", "failing", "recovery", "failed_test", "model", "model_alias")
    added = (*added, "order_rule", "changed_words", "run_quality", *TABLES_OF_USES)
    added = (*added, *TABLES_OF_SELECTION)
    for table in added:
        connection.execute(f"DROP TABLE {table}")
    connection.execute("ALTER TABLE state DROP COLUMN settings")
    connection.execute("ALTER TABLE attempt RENAME COLUMN started_us TO started_ms")
    connection.execute("UPDATE attempt SET started_ms = started_ms / 1000")
    connection.execute("PRAGMA user_version = 1")
