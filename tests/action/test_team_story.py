"""Two pushes of the team, with sessions as real as those of `make story-autopilot`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.history.store import read_history
from tests.action.team_story import START, TeamStory
from tests.support import warm

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.posix("sessions are forked on Linux")


def test_pushes_are_planned_run_proved_and_measured(tmp_path: Path) -> None:
    story = TeamStory(tmp_path, pushes=2, wait_s=0.05)
    try:
        story.live()
        story.write(tmp_path / "seen")
    finally:
        warm.end()
    assert [push for push, _ in story.runs] == [1, 2, 2]
    assert all(run.has_passed for _, run in story.runs)
    assert {run.proof for _, run in story.runs} == {
        "1 shard, 8 tests collected, each ran exactly once\n"
    }
    history = read_history(story.machine.history)
    assert history is not None
    with history:
        runs = history.learned.ci_runs()
    assert {run.run_id for run in runs[:2]} == {"1001", "1002"}, "they ran at the same time"
    assert [run.run_id for run in runs[2:]] == ["1003"]
    assert all(run.wall_s >= 6 * 0.05 for run in runs)
    assert runs[0].started_at == pytest.approx(START, abs=120), "the calendar is set"
    assert "nothing to decide" in (tmp_path / "seen" / "station.txt").read_text()
    assert "push  2 run   3 shards  1 passed" in (tmp_path / "seen" / "runs.txt").read_text()
