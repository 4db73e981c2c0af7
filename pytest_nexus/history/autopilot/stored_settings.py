"""Read and write the tables of learned settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.autopilot.setting_records import (
    Experiment,
    LogEntry,
    SettingVersion,
    State,
)

if TYPE_CHECKING:
    import sqlite3

    from pytest_nexus.plan.autopilot.setting_records import Step

_VERSIONS: Final = (
    "SELECT version, parent, setting, value, earlier, evidence, since, metrics, status"
    " FROM setting_version ORDER BY since, version"
)
_EXPERIMENTS: Final = (
    "SELECT number, version, setting, value, earlier, phase, goal, share, cost_limit, began_at,"
    " ended_at, verdict FROM setting_experiment ORDER BY number"
)
_LOG: Final = "SELECT at, kind, setting, sentence, figures FROM autopilot_log ORDER BY number"
_PUT_VERSION: Final = "INSERT OR REPLACE INTO setting_version VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_PUT_EXPERIMENT: Final = (
    "INSERT OR REPLACE INTO setting_experiment VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_ADD_TO_LOG: Final = (
    "INSERT INTO autopilot_log (at, kind, setting, sentence, figures) VALUES (?, ?, ?, ?, ?)"
)


def read_state(connection: sqlite3.Connection) -> State:
    """Return all learned settings, experiments and decisions."""
    return State(
        tuple(SettingVersion(*row) for row in connection.execute(_VERSIONS)),
        tuple(Experiment(*row) for row in connection.execute(_EXPERIMENTS)),
        tuple(LogEntry(*row) for row in connection.execute(_LOG)),
    )


def write_step(connection: sqlite3.Connection, step: Step) -> None:
    """Store the state after a step, and the new entries of its log. Called in a transaction."""
    connection.executemany(_PUT_VERSION, step.state.versions)
    connection.executemany(_PUT_EXPERIMENT, step.state.experiments)
    connection.executemany(_ADD_TO_LOG, step.entries)


def take_over_settings(connection: sqlite3.Connection, other: State) -> None:
    """Store what another history learned, if this one has learned nothing yet.

    Two histories that both learned cannot be joined: each one compared runs of its own. Called
    inside a transaction.
    """
    own = read_state(connection)
    if own == State():
        connection.executemany(_PUT_VERSION, other.versions)
        connection.executemany(_PUT_EXPERIMENT, other.experiments)
        connection.executemany(_ADD_TO_LOG, other.log)
