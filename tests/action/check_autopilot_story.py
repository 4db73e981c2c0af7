"""The story of sixty pushes, and what has to be true of it; a part of `make story`.

What people would have seen is left in the folder story-out/autopilot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_nexus.domain.system import clock
from pytest_nexus.history.store import read_history
from tests.action.autopilot_story import START, AutopilotStory
from tests.support.project import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_nexus.plan.autopilot.setting_records import State


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AutopilotStory]:
    root = tmp_path_factory.mktemp("autopilot")
    with pytest.MonkeyPatch.context() as patched:
        now = [START]
        patched.chdir(root)
        patched.setattr(clock, "time", lambda: now[0])
        patched.setenv("GITHUB_STEP_SUMMARY", str(root / "summary.md"))
        for variable in ("NEXUS_AUTOPILOT", "NEXUS_HISTORY", "GITHUB_ACTIONS"):
            patched.delenv(variable, raising=False)
        lived = AutopilotStory(root, lambda at: now.__setitem__(0, at))
        lived.live()
        lived.write(REPOSITORY / "story-out" / "autopilot")
        yield lived


@pytest.fixture
def state(story: AutopilotStory) -> State:
    history = read_history(story.history)
    assert history is not None
    with history:
        return history.learned.read()


def test_settings_change_twice_with_reasons_and_the_bad_one_is_taken_back(state: State) -> None:
    told = [(entry.setting, entry.kind) for entry in state.log if entry.kind != "suggested"]
    assert told == [
        ("shards", "began"), ("shards", "adopted"), ("shards", "settled"),
        ("workers", "began"), ("workers", "adopted"), ("workers", "taken back"),
    ]  # fmt: skip
    sentences = {(entry.setting, entry.kind): entry.sentence for entry in state.log}
    assert "to 1 for a gain" in sentences["shards", "adopted"]
    assert "to 1 for a gain" in sentences["workers", "adopted"]
    taken_back = sentences["workers", "taken back"]
    assert "to 1 for a loss" in taken_back or "wall p95 got worse" in taken_back


def test_changes_are_a_week_apart(state: State) -> None:
    adopted = [entry.at for entry in state.log if entry.kind == "adopted"]
    assert adopted[1] - adopted[0] >= 7 * 86_400


def test_value_that_a_person_wrote_is_suggested_once_and_stays(
    story: AutopilotStory, state: State
) -> None:
    named = [line for _, line in story.seen if "select" in line]
    assert len(named) == 1
    assert "select = confidence:99% instead of affected" in named[0]
    assert all(each.setting != "select" for each in state.versions)


def test_people_see_every_decision_in_a_job_summary(story: AutopilotStory, state: State) -> None:
    assert [line for _, line in story.seen] == [
        f"- nexus {entry.kind}: {entry.sentence}" for entry in state.log
    ]


def test_bug_that_escaped_is_learned_from(story: AutopilotStory) -> None:
    assert "the tests of 1 file always run" in story.escaped["learn"]
    assert "1 commit escaped the tests" in story.escaped["escaped"]
    assert "revert" in story.escaped["list"]
    assert story.bug[:12] in story.escaped["escaped"]


def test_last_word_is_what_is_good(story: AutopilotStory) -> None:
    listed = story.call("settings", "list")
    assert "shards = auto means 4\n" in listed
    assert "workers = auto means auto\n" in listed
    assert "select = auto means off\n" in listed
