"""Choose the runs that differ from each other by nothing that nexus decided."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.autopilot.arms import tries
from pytest_nexus.plan.autopilot.learnable import LEARNABLE, in_force

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.plan.autopilot.ci_runs import CIRunFigures
    from pytest_nexus.plan.autopilot.setting_records import Experiment, LogEntry, State

CHANGES: Final = frozenset({"adopted", "taken back", "rolled back"})
"""Kinds of the decisions that change a setting."""


def comparable_runs(state: State, runs: Sequence[CIRunFigures]) -> list[CIRunFigures]:
    """Return the finished runs with the settings in force, in time order.

    They begin with the watch of the last change, and after the last change of regime. Of the runs
    of an experiment, those count that got the value in force.

    Args:
        state: of all settings.
        runs: of the CI, in time order.
    """
    start = max(_changed_at(state), regime_since(state))
    return [
        run
        for run in runs
        if run.started_at > start and run.is_finished and _got_values_in_force(run, state)
    ]


def regime_since(state: State) -> float:
    """Return when the first run of the newest regime started; 0 if none was noticed."""
    begins = [_since(entry) for entry in state.log if entry.kind == "regime"]
    return max(begins, default=0.0)


def value_in_force(state: State, setting: str) -> str:
    """Return what `auto` means for a setting, outside experiments.

    Raises:
        KeyError: the setting cannot be learned.
    """
    version = in_force(setting, state.versions)
    return LEARNABLE[setting].default if version is None else version.value


def _since(entry: LogEntry) -> float:
    at = json.loads(entry.figures).get("since_at", entry.at)
    return float(at)


def _changed_at(state: State) -> float:
    """Return when the watch of the last change began; a change by a person has none."""
    last = next((entry for entry in reversed(state.log) if entry.kind in CHANGES), None)
    if last is None:
        return 0.0
    begins = [
        each.began_at
        for each in state.experiments
        if each.setting == last.setting and each.phase == "watch" and each.began_at <= last.at
    ]
    return last.at if last.kind == "rolled back" else max(begins, default=last.at)


def _got_values_in_force(run: CIRunFigures, state: State) -> bool:
    return all(
        _arm(run, each) == value_in_force(state, each.setting)
        for each in state.experiments
        if each.began_at <= run.started_at
        and (each.ended_at is None or run.started_at < each.ended_at)
    )


def _arm(run: CIRunFigures, experiment: Experiment) -> str:
    return experiment.value if tries(run.run_id, experiment) else experiment.before
