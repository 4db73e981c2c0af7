"""The story, and what has to be true of it; `make story`, as it takes some minutes.

What people would have seen is left in the folder story-out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.action.story import EARLIER_RUNS, Story, live, write
from tests.action.toy import Toy
from tests.support.github_server import GitHubServer
from tests.support.project import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

WITH_TAX = "tests/test_prices.py::test_with_tax"


@pytest.fixture(scope="module")
def story(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Story]:
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with GitHubServer() as server, capture.global_and_fixture_disabled():
        lived = live(Toy(tmp_path_factory.mktemp("story"), server), print)
        write(lived, REPOSITORY / "story-out")
        print("what people saw is in story-out/index.md")
    return lived


def summary(story: Story, title: str) -> str:
    return story[title].run.jobs["report"].summary


def test_every_run_ends_as_it_should(story: Story) -> None:
    bad = {
        one.title: one.run.conclusion for one in story.chapters if one.run.conclusion != "success"
    }
    assert bad == {
        "a pull request that breaks a test": "failure",
        "a flaky test fails": "failure",
        "a push whose station is cancelled": "cancelled",
        "main is broken": "failure",
        "a pull request while main is broken": "failure",
    }


def test_every_shard_ran_every_test_once(story: Story) -> None:
    for one in story.chapters:
        if "report" in one.run.jobs:
            assert re.search(
                r"2 shards, \d+ tests collected, each ran exactly once\.", summary(story, one.title)
            )


def test_history_is_complete(story: Story) -> None:
    # Two shards of each run of the workflow, one shard that was run again, what an earlier CI left;
    # the fork's pull request was merged since; what was forged is not among them.
    last = story.chapters[-1].facts
    assert last["runs"] == 2 * 14 + 1 + EARLIER_RUNS
    assert last["forks"] == 1


def test_forged_journals_change_nothing(story: Story) -> None:
    before = story["it is mended"].facts
    after = story["a push after forged journals"].facts
    assert after["forks"] == 2 + 1  # two shards of the honest fork, one forged
    assert "tests/test_never.py::test_was" not in after["stats"]  # type: ignore[operator] # a mapping
    assert set(after["stats"]) == set(before["stats"])  # type: ignore[call-overload] # likewise
    for known in after["stats"].values():  # type: ignore[attr-defined] # likewise
        assert known.duration_s < 100
        assert known.failures == (1 if known.key == WITH_TAX else 0)
    for fact in ("recoveries", "flaky", "failing"):
        assert after[fact] == before[fact]
    assert not after["flaky"]
    assert summary(story, "a push after forged journals").startswith("## ✅ 10 passed")


def test_runs_of_a_fork_count_once_it_is_merged(story: Story) -> None:
    merged = story["the fork is merged"].facts
    assert merged["forks"] == 1
    assert merged["stats"]["tests/test_forked.py::test_forked"].runs == 2  # type: ignore[index] # likewise


def test_fork_gets_no_comment_and_saves_no_cache(story: Story) -> None:
    run = story["a pull request from a fork"].run
    assert "forked" in story.toy.requests
    assert story.toy.requests.index("forked") + 1 not in story.toy.comments
    assert [one for one in story.toy.github.caches.entries if "pull" in one.scope] == []
    assert "station" not in run.jobs


def test_comment_is_renewed_and_there_is_one(story: Story) -> None:
    (body,) = story.toy.comments[1]
    assert body.startswith("<!-- pytest-nexus report: tests -->\n## ✅ 10 passed")
    run = story["it is mended"].run
    assert f"[the whole report](https://github.com/octo/repo/actions/runs/{run.run_id})" in body


def test_flaky_and_quarantined_tests_fail_no_build_and_are_told_apart(story: Story) -> None:
    title = "a pull request with a flaky test and one in quarantine"
    text = summary(story, title)
    assert text.startswith("## ✅ 12 passed, 1 flaky, 1 quarantined in ")
    rows = [line for line in text.splitlines() if "test_queue.py::" in line]
    assert "| passed in the end | 2 | `ConnectionError: queue is busy` |" in rows[0]
    assert "| quarantined | 1 |" in rows[1]
    assert story[title].run.annotations == []
    (body,) = story.toy.comments[3]
    assert body.startswith("<!-- pytest-nexus report: tests -->\n## ✅ 12 passed, 1 flaky")


def test_rerun_that_healed_teaches_how_failures_go_away(story: Story) -> None:
    after = story["a flaky test fails"].facts
    # A row for each length of the wait, which a slow machine may stretch.
    assert {one.key for one in after["recoveries"]} == {"tests/test_queue.py::test_drains"}  # type: ignore[attr-defined] # recoveries
    assert after["flaky"] == {"tests/test_queue.py::test_drains"}


def test_model_is_trained_promoted_and_said_to_be_used(story: Story) -> None:
    title = "main is mended, and an earlier CI's journals come in"
    log = story[title].run.jobs["station"].log
    assert re.search(
        r"^due: 3\d runs with a failure, none learned from; 24 are needed$", log, re.MULTILINE
    )
    assert re.search(r"^version [0-9a-f]{16}: deployed$", log, re.MULTILINE), log
    odds = re.search(r"evidence ([\d.e+]+) to 1 of (\d+) to 1", log)
    assert odds is not None, log
    assert float(odds[1]) > 2 * float(odds[2]), "so near that another change undoes it"
    assert story["main is broken"].facts["champion"] is None
    champion = story[title].facts["champion"]
    assert champion is not None
    last = "a push in the order of the new model"
    assert f"nexus: order by model {champion.version[:8]}, APFDc 0." in summary(story, last)  # type: ignore[attr-defined] # a version
    assert "not due: " in story[last].run.jobs["station"].log


def test_new_failure_is_told_with_its_place(story: Story) -> None:
    text = summary(story, "a pull request that breaks a test")
    assert text.startswith("## ❌ 1 new failure, 9 passed")
    assert "| this run |" in text
    (line,) = [one for one in text.splitlines() if "this run" in one]
    run = story["a pull request that breaks a test"].run
    page = f"https://github.com/octo/repo/blob/{run.event.sha}/tests/test_prices.py#L4"
    assert f"[`tests/test_prices.py:4`]({page})" in line
    assert "### Balance" in text
    (annotation,) = story["a pull request that breaks a test"].run.annotations
    assert annotation.startswith("::error file=tests/test_prices.py,line=4,")


def test_only_the_failed_shard_runs_again_and_by_the_same_plan(story: Story) -> None:
    first, again = story["a flaky test fails"].run, story["its job is run again"].run
    kept = [name for name, job in again.jobs.items() if job is first.jobs.get(name)]
    assert "plan" in kept
    assert len([name for name in kept if name.startswith("test")]) == 1
    text = summary(story, "its job is run again")
    assert text.startswith("## ✅ 12 passed, 1 flaky")
    assert "### New failures" not in text


def test_failure_and_pass_on_one_commit_is_a_flake(story: Story) -> None:
    stats = story["its job is run again"].facts["stats"]
    assert stats["tests/test_network.py::test_answers"].flakes == 1  # type: ignore[index] # a mapping
    assert story["its job is run again"].run.annotations == []


def test_cancelled_station_is_made_up_for(story: Story) -> None:
    before = story["its job is run again"].facts["runs"]
    assert story["a push whose station is cancelled"].facts["runs"] == before
    assert story["the nightly station"].facts["runs"] == before + 2  # type: ignore[operator] # a number
    assert list(story["the nightly station"].run.jobs) == ["station"]


def test_failure_of_main_is_known_to_a_pull_request(story: Story) -> None:
    text = summary(story, "a pull request while main is broken")
    assert text.startswith("## ❌ 1 known failure, 11 passed")
    broken = story["main is broken"].run.event.sha
    assert broken[:9] in text
    (annotation,) = story["a pull request while main is broken"].run.annotations
    assert annotation.startswith("::warning ")
