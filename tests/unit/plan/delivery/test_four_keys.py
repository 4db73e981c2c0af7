"""Deployments of one environment, and the figures about them."""

from __future__ import annotations

from math import comb

import pytest

from pytest_nexus.plan.delivery.commit_outcomes import (
    DeploymentOutcome,
    LoggedCommit,
    Repair,
    accused_since,
    escaped_commits,
    repairs,
    stored_reverts,
)
from pytest_nexus.plan.delivery.figure_ranges import counts_range, median_range
from pytest_nexus.plan.delivery.four_keys import (
    WEEK_S,
    FourKeys,
    all_four_keys,
    deployments_of,
    four_keys,
)


def outcome(commit: str, status, at: float) -> DeploymentOutcome:
    return DeploymentOutcome(commit, status, "production", at, "recorded")


STORY = [
    outcome("a", "deployed", 0),
    outcome("b", "deployed", WEEK_S),
    outcome("b", "rolled-back", WEEK_S + 60),
    outcome("c", "deployed", WEEK_S + 3600),
    outcome("d", "deployed", 2 * WEEK_S),
]


def test_the_four_figures_of_a_story() -> None:
    keys = four_keys("eu", STORY, {"a": [-100.0], "b": [WEEK_S - 50, WEEK_S - 300], "c": [1e12]})
    assert keys.per_week == 2
    assert keys.lead_time_s == 100
    assert keys.commits == 3, "a commit from the future is no evidence"
    assert keys.change_failure_rate == 1 / 4
    assert keys.time_to_restore_s == 3540


def test_a_hotfix_blames_the_deployment_that_it_repairs() -> None:
    story = [outcome("a", "deployed", 0), outcome("b", "hotfix", 5), outcome("b", "deployed", 6)]
    assert [each.broke_at for each in deployments_of(story)] == [5, None]


def test_a_deployment_that_failed_at_once_counts_once() -> None:
    assert len(deployments_of([outcome("a", "failed", 1), outcome("a", "failed", 2)])) == 1


def test_without_outcomes_nothing_is_claimed() -> None:
    keys = four_keys("eu", [], {})
    assert keys == FourKeys("eu", 0, None, None, None, None, 0, 0, None, None, None, None)


def test_a_failure_that_is_not_over_has_no_time_to_restore() -> None:
    story = [outcome("a", "deployed", 0), outcome("a", "failed", 5)]
    assert four_keys("eu", story, {}).time_to_restore_s is None


GOOD, BAD_COMMIT, OTHER = "a" * 40, "b" * 40, "c" * 40


@pytest.mark.parametrize("accused", [OTHER, "d" * 40, "d" * 39])
def test_a_message_accuses_no_commit_that_was_never_merged(accused) -> None:
    commits = [LoggedCommit(GOOD, 2, f"Revert\n\nThis reverts commit {accused}.")]
    assert repairs(commits) == []


def test_reverts_and_fixups_are_found() -> None:
    commits = [
        LoggedCommit(OTHER, 3, "fixup! Add the shop"),
        LoggedCommit(GOOD, 2, f"Revert it\n\nThis reverts commit {BAD_COMMIT}."),
        LoggedCommit(BAD_COMMIT, 1, "Add the shop\n\nWith doors."),
    ]
    assert repairs(commits) == [
        Repair(OTHER, 3, BAD_COMMIT, "fixup"),
        Repair(GOOD, 2, BAD_COMMIT, "revert"),
    ]
    assert escaped_commits([outcome("x", "failed", 1)], repairs(commits)) == {
        "x": "failed in production",
        BAD_COMMIT: f"reverted by {GOOD[:12]}",
    }


def test_each_figure_has_an_interval_once_the_evidence_is_enough() -> None:
    keys = four_keys("eu", STORY, {"a": [-float(at) for at in range(1, 9)]})
    assert keys.per_week_range is not None
    low, high = keys.per_week_range
    assert low < 2 < high
    assert keys.lead_time_range == (1, 8)
    assert keys.change_failure_range is not None
    assert keys.change_failure_range[0] < 1 / 4 < keys.change_failure_range[1]
    assert keys.time_to_restore_range is None, "one failure"


def test_a_later_revert_in_git_tells_that_a_deployment_failed() -> None:
    def reverted(commit: str, at: float) -> DeploymentOutcome:
        return DeploymentOutcome(commit, "rolled-back", "git", at, "git")

    found = all_four_keys([*STORY, reverted("d", 2 * WEEK_S + 60)], lambda _: {})
    assert [(each.deployments, each.failures) for each in found] == [(4, 2)]
    for unrelated in (reverted("z", 3 * WEEK_S), reverted("d", 60.0), reverted("b", 3 * WEEK_S)):
        (same,) = all_four_keys([*STORY, unrelated], lambda _: {})
        assert (same.deployments, same.failures) == (4, 1)


def test_the_environments_are_told_apart_and_reverts_are_no_deployments() -> None:
    known: list[list[str]] = []

    def asked(commits: list[str]) -> dict[str, list[float]]:
        known.append(commits)
        return {}

    found = all_four_keys(
        [*STORY, outcome("a", "deployed", 9)._replace(environment="eu"),
         outcome("a", "rolled-back", 9)._replace(environment="git", source="git")], asked,
    )  # fmt: skip
    assert [(each.environment, each.deployments) for each in found] == [
        ("eu", 1),
        ("production", 4),
    ]


@pytest.mark.parametrize("n", range(6, 60))
def test_the_range_of_a_median_covers_it_in_95_percent(n: int) -> None:
    found = median_range([float(at) for at in range(n)])
    assert found is not None
    k = int(found[0]) + 1
    missed = 2 * sum(comb(n, at) for at in range(k)) / 2**n
    assert missed <= 0.05 < missed + 2 * comb(n, k) / 2**n, "no narrower one would do"


def test_the_range_of_a_count_contains_it() -> None:
    assert counts_range(0)[0] == 0
    assert counts_range(0)[1] == pytest.approx(3.69, abs=0.1)
    for n in (1, 5, 100):
        low, high = counts_range(n)
        assert low < n < high


def test_reverts_become_outcomes_and_each_commit_has_its_first_accusation() -> None:
    found = [
        Repair(OTHER, 3, BAD_COMMIT, "revert"),
        Repair(GOOD, 2, BAD_COMMIT, "revert"),
        Repair(GOOD, 1, OTHER, "fixup"),
    ]
    stored = stored_reverts(found)
    assert [(each.commit, each.status, each.at, each.words) for each in stored] == [
        (BAD_COMMIT, "rolled-back", 3, "reverted"), (BAD_COMMIT, "rolled-back", 2, "reverted"),
    ]  # fmt: skip
    outcomes = [outcome("x", "failed", 7), outcome("x", "deployed", 1), outcome("y", "hotfix", 1)]
    assert accused_since([*outcomes, *stored], found) == {BAD_COMMIT: 2, "x": 7}
