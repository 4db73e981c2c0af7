"""The story of sixty measured pushes, and what has to be true of it; `make story-autopilot`.

It takes about half an hour, since sessions are run and measured. What people would have seen is
left in the folder story-out/team.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.history.store import read_history
from tests.action.team_story import BROKEN, DAY_S, PUSHES, TeamStory
from tests.support import warm
from tests.support.project import REPOSITORY

if TYPE_CHECKING:
    from pytest_nexus.plan.autopilot.setting_records import LogEntry


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> TeamStory:
    capture = request.config.pluginmanager.getplugin("capturemanager")
    lived = TeamStory(tmp_path_factory.mktemp("team"), say=print)
    with capture.global_and_fixture_disabled():
        try:
            lived.live()
            lived.write(REPOSITORY / "story-out" / "team")
        finally:
            warm.end()
    return lived


@pytest.fixture(scope="module")
def log(story: TeamStory) -> tuple[LogEntry, ...]:
    history = read_history(story.machine.history)
    assert history is not None
    with history:
        return history.learned.read().log


def test_every_run_is_known_and_measured(story: TeamStory) -> None:
    history = read_history(story.machine.history)
    assert history is not None
    with history:
        runs = history.learned.ci_runs()
    assert len(runs) == 2 * PUSHES - 1
    assert all(run.is_finished for run in runs)
    longest = {run.number: 6 // min(run.shards, 6) * story.wait_s for _, run in story.runs}
    for run in runs:
        assert run.wall_s >= longest[int(run.run_id) - 1000], "tests of a shard wait in turn"


def test_every_test_ran_once_and_only_what_was_broken_failed(story: TeamStory) -> None:
    for push, run in story.runs:
        assert "8 tests collected, each ran exactly once" in run.proof
        is_request = run.number % 2 == 0
        assert run.has_passed == (not (push in BROKEN and is_request)), push


def test_settings_change_twice_with_reasons_and_the_bad_one_is_taken_back(
    log: tuple[LogEntry, ...],
) -> None:
    told = [entry.kind for entry in log]
    assert told[:6] == ["began", "adopted", "settled", "began", "adopted", "taken back"]
    assert {entry.setting for entry in log[:6]} == {"shards"}
    assert "to 1 for a gain" in log[1].sentence
    assert "to 1 for a gain" in log[4].sentence
    assert "to 1 for a loss" in log[5].sentence or "got worse" in log[5].sentence


def test_changes_are_a_week_apart(log: tuple[LogEntry, ...]) -> None:
    changes = [entry.at for entry in log if entry.kind in {"adopted", "taken back"}]
    begun = [entry.at for entry in log if entry.kind == "began"]
    assert begun[1] - changes[0] >= 7 * DAY_S
    assert all(begin - changes[2] >= 7 * DAY_S for begin in begun[2:])


def test_the_earlier_value_is_in_force_again(story: TeamStory, log: tuple[LogEntry, ...]) -> None:
    first = log[0].sentence.removeprefix("shards = ").partition(" ")[0]
    assert f"shards = {first} instead of auto" in log[1].sentence
    taken_back = next(at for at, entry in enumerate(log) if entry.kind == "taken back")
    assert log[taken_back].sentence.startswith("shards = ")
    if "began" not in [entry.kind for entry in log[taken_back:]]:
        assert f"shards = auto means {first}\n" in story.machine.ask("settings", "list")


def test_people_see_every_decision_in_a_job_summary(
    story: TeamStory, log: tuple[LogEntry, ...]
) -> None:
    assert [line for _, line in story.seen] == [
        f"- nexus {entry.kind}: {entry.sentence}" for entry in log
    ]


def test_bug_that_escaped_is_learned_from(story: TeamStory) -> None:
    assert "the tests of 2 files always run" in story.escaped["learn"]
    assert "1 commit escaped the tests" in story.escaped["escaped"]
    assert story.bug[:12] in story.escaped["escaped"]
    assert "a test is missing" in story.escaped["escaped"]
    assert "production: 1 deployment" in story.escaped["report"]
