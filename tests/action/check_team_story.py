"""The story of sixty measured pushes, and what has to be true of it; `make story-autopilot`.

It takes about half an hour, since sessions are run and measured. What people would have seen is
left in the folder story-out/team.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.history.store import read_history
from tests.action.team_story import BROKEN, DAY_S, PUSHES, START, TeamStory
from tests.support import warm
from tests.support.project import REPOSITORY

if TYPE_CHECKING:
    from pytest_nexus.plan.autopilot.setting_records import LogEntry

CHANGES = frozenset({"adopted", "taken back"})
"""The kinds of decisions that change a setting."""


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
    assert [entry.kind for entry in log[:2]] == ["began", "adopted"]
    changes = [entry for entry in log if entry.kind in CHANGES]
    assert len(changes) >= 2
    assert {entry.setting for entry in changes} == {"shards"}
    for entry in changes:
        if entry.kind == "adopted":
            assert "to 1 for a gain" in entry.sentence
        else:
            assert "to 1 for a loss" in entry.sentence or "got worse" in entry.sentence


def test_no_trial_begins_within_a_week_of_a_change_of_the_same_regime(
    log: tuple[LogEntry, ...],
) -> None:
    for begun, entry in enumerate(log):
        before = [at for at in range(begun) if log[at].kind in CHANGES]
        if entry.kind == "began" and before:
            new_regime = "regime" in [each.kind for each in log[before[-1] : begun]]
            assert new_regime or entry.at - log[before[-1]].at >= 7 * DAY_S


def test_the_value_that_became_bad_is_left(story: TeamStory, log: tuple[LogEntry, ...]) -> None:
    assert story.database_at
    cause = START + (story.database_at - 1) * DAY_S
    changes = [entry for entry in log if entry.at >= cause and entry.kind in CHANGES]
    assert changes
    assert story.last != story.bad
    if changes[-1].kind == "taken back":
        assert changes[-1].sentence.startswith(f"shards = {story.bad}")


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
