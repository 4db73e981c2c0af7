"""Read and change the learned settings of a history."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from pytest_nexus.errors import HistoryError
from pytest_nexus.history.autopilot.setting_tables import TABLES_OF_SETTINGS
from pytest_nexus.history.autopilot.stored_settings import read_state, write_step
from pytest_nexus.history.sqlite import connection as connections
from pytest_nexus.plan.autopilot.ci_runs import CIRunFigures
from pytest_nexus.plan.autopilot.learnable import learned_value

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from pytest_nexus.plan.autopilot.setting_records import State, Step

_RUNS: Final = """
    SELECT ci_run_id, min(started_at), max(started_at + coalesce(duration_s, 0)) - min(started_at),
           total(duration_s), max(run.n_failed > 0 AND coalesce(exit_status, 0) != 0),
           max(coalesce(selection_run.n_missed, 0) > 0), max(n_reruns > 0),
           min(complete AND duration_s IS NOT NULL)
    FROM run LEFT JOIN selection_run USING (run_id)
    WHERE trust = 'trusted' AND head IS NULL AND source = 'journal' AND ci_run_id IS NOT NULL
          AND coalesce(ci_run_attempt, 1) = 1
    GROUP BY ci_provider, ci_run_id, ci_workflow ORDER BY 2, 1
"""


class LearnedSettings:
    """The learned settings of one history; its methods raise `HistoryError` as the history does."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def read(self) -> State:
        """Return all versions, experiments and decisions."""
        with connections.decoded(self._path), connections.snapshot(self._connection):
            return self._state()

    def values(self, settings: Iterable[str], run_id: str | None) -> dict[str, str]:
        """Return the learned values of some settings for a run; those with a default are left out.

        Args:
            settings: names.
            run_id: of the run on the CI; None outside a CI.
        """
        state = self.read()
        found = {name: learned_value(name, state.versions, state.open, run_id) for name in settings}
        return {name: value for name, value in found.items() if value is not None}

    def ci_runs(self) -> list[CIRunFigures]:
        """Return the figures of the trusted runs of a CI, in time order.

        Runs of forks never count, also if their commit was merged since: the journal of such a run
        names the run and its duration, and both may be forged.
        """
        with connections.decoded(self._path), connections.snapshot(self._connection):
            return self._ci_runs()

    def step(self, decide: Callable[[State, Sequence[CIRunFigures]], Step]) -> Step:
        """Decide, and store the decision, in one transaction.

        A second maintenance job waits, and then decides on what the first one stored. A crash
        leaves either all of a decision or nothing.

        Args:
            decide: from the state and the runs of the CI; returns the state after the step.
        """
        with connections.translated(self._path):
            is_slim = connections.is_slim(self._connection)
        if is_slim:
            raise HistoryError(
                "NX515",
                f"History {str(self._path)!r} is a slim copy without attempts and cannot be "
                "written to; use the full history",
            )
        with (
            connections.decoded(self._path),
            connections.transaction(self._connection, self._path),
        ):
            step = decide(self._state(), self._ci_runs())
            if step.entries:
                write_step(self._connection, step)
        return step

    def _state(self) -> State:
        connections.require_sound(self._connection, self._path, TABLES_OF_SETTINGS, set())
        state = read_state(self._connection)
        for text in [each.metrics for each in state.versions] + [
            each.figures for each in state.log
        ]:
            if not isinstance(json.loads(text), dict):
                raise TypeError("figures of the learned settings")
        return state

    def _ci_runs(self) -> list[CIRunFigures]:
        tables = ("run", "selection_run")
        connections.require_sound(self._connection, self._path, tables, set())
        return [_figures(*row) for row in self._connection.execute(_RUNS)]


def _figures(
    run_id: str, started_at: float, wall_s: float, machine_s: float, *facts: int
) -> CIRunFigures:
    has_failed, has_missed, has_flaked, is_finished = map(bool, facts)
    return CIRunFigures(
        run_id,
        started_at,
        float(wall_s),
        float(machine_s),
        has_failed,
        has_missed,
        has_flaked,
        is_finished,
    )
