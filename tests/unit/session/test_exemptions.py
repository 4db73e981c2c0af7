"""In which runs of a CI all tests run, whatever `nexus_select` says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.session.reuse.exemptions import why_all

if TYPE_CHECKING:
    from pathlib import Path

GITHUB = {"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "7", "GITHUB_REF_TYPE": "branch"}
GITLAB = {"GITLAB_CI": "true", "CI_PIPELINE_ID": "7", "CI_DEFAULT_BRANCH": "trunk"}


@pytest.mark.parametrize(
    ("environ", "branch", "what"),
    [
        ({}, "main", ""),
        ({"CI": "true"}, "main", ""),
        (GITHUB | {"GITHUB_REF_NAME": "main"}, None, "runs of the default branch"),
        (GITHUB | {"GITHUB_REF_NAME": "fix"}, "main", ""),
        (GITHUB, "master", "runs of the default branch"),
        ({**GITHUB, "GITHUB_REF_TYPE": "tag"}, None, "runs without a branch"),
        (GITHUB | {"GITHUB_REF_NAME": "fix", "GITHUB_EVENT_NAME": "schedule"}, None,
         "scheduled runs"),
        (GITHUB | {"GITHUB_EVENT_NAME": "merge_group"}, "queue/main", "merge queues"),
        (GITHUB | {"GITHUB_BASE_REF": "main", "GITHUB_HEAD_REF": "main"}, None, ""),
        (GITLAB | {"CI_COMMIT_BRANCH": "trunk"}, None, "runs of the default branch"),
        (GITLAB | {"CI_COMMIT_BRANCH": "main"}, None, ""),
        (GITLAB | {"CI_COMMIT_BRANCH": "x", "CI_PIPELINE_SOURCE": "schedule"}, None,
         "scheduled runs"),
    ],
    ids=str,
)  # fmt: skip
def test_runs_that_run_all_tests(environ: dict[str, str], branch: str | None, what: str) -> None:
    found = why_all(environ, branch)
    assert (f"does not apply to {what} [" in found) if what else not found


def test_the_default_branch_of_the_event_counts(tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"repository": {"default_branch": "trunk"}}))
    environ = GITHUB | {"GITHUB_EVENT_PATH": str(event)}
    assert why_all(environ | {"GITHUB_REF_NAME": "trunk"}, None)
    assert not why_all(environ | {"GITHUB_REF_NAME": "main"}, None)
