"""Deployments of one environment, and the figures about them."""

from __future__ import annotations

import pytest

from pytest_nexus.plan.delivery.commit_outcomes import (
    DeploymentOutcome,
    LoggedCommit,
    Repair,
    escaped_commits,
    repairs,
)
from pytest_nexus.plan.delivery.four_keys import WEEK_S, deployments_of, four_keys


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
    keys = four_keys(STORY, {"a": [-100.0], "b": [WEEK_S - 50, WEEK_S - 300], "c": [1e12]})
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
    assert four_keys([], {}) == (0, None, None, None, None, 0, 0)


def test_a_failure_that_is_not_over_has_no_time_to_restore() -> None:
    story = [outcome("a", "deployed", 0), outcome("a", "failed", 5)]
    assert four_keys(story, {}).time_to_restore_s is None


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
