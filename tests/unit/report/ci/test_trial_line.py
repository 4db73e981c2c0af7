"""The line of a report about the experiment that goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.history.store import open_history
from pytest_nexus.plan.autopilot.setting_records import (
    Experiment,
    LogEntry,
    SettingVersion,
    State,
    Step,
)
from pytest_nexus.report.ci.trial_line import trial_line

if TYPE_CHECKING:
    from pathlib import Path

VERSION = SettingVersion("a" * 16, None, "shards", "4", "auto", "", 1.0, "{}", "trial")
TRIAL = Experiment(1, "a" * 16, "shards", "4", "auto", "trial", "wall", 0.5, 1.05, 1.0)


def test_run_of_a_ci_is_told_its_value(tmp_path: Path) -> None:
    with open_history(tmp_path / "history.sqlite3") as history:
        assert trial_line(history, environ("7")) == ""
        entry = LogEntry(1.0, "began", "shards", "s", "{}")
        history.learned.step(lambda *_: Step(State((VERSION,), (TRIAL,)), (entry,)))
        said = {trial_line(history, environ(str(run))) for run in range(12)}
        assert trial_line(history, {}) == ""
    assert said == {
        f"Where shards is auto, this run has {value}: shards = 4 instead of auto is on trial."
        for value in ("4", "auto")
    }


def environ(run_id: str) -> dict[str, str]:
    return {"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": run_id}
