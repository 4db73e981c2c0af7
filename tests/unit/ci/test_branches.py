from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from pytest_nexus.ci import branches
from pytest_nexus.ci.branches import (
    branch,
    default_branch,
    default_branches,
    named_bases,
    target_branch,
)
from pytest_nexus.ci.github_event import MAX_EVENT_BYTES

if TYPE_CHECKING:
    from pathlib import Path

A = "a" * 40
B = "b" * 40


def event_file(folder: Path, content: object) -> str:
    file = folder / "event.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return str(file)


def test_no_ci_names_no_branch_and_no_base() -> None:
    assert (branch({}), named_bases({})) == (None, ())


@pytest.mark.parametrize(
    "environ",
    [
        {"GITHUB_HEAD_REF": "work", "GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "7/merge"},
        {"GITHUB_HEAD_REF": "", "GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "work"},
        {"CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "work"},
        {"CI_COMMIT_BRANCH": "work"},
        {"CIRCLE_BRANCH": "work"},
        {"BUILDKITE_BRANCH": "work"},
        {"BITBUCKET_BRANCH": "work"},
        {"SYSTEM_PULLREQUEST_SOURCEBRANCH": "refs/heads/work"},
        {"BUILD_SOURCEBRANCH": "refs/heads/work"},
        {"CHANGE_BRANCH": "work", "BRANCH_NAME": "PR-7"},
        {"GIT_BRANCH": "origin/work"},
    ],
    ids="+".join,
)
def test_branch_is_the_one_to_be_merged(environ: dict[str, str]) -> None:
    assert branch(environ) == "work"


@pytest.mark.parametrize(
    "environ",
    [
        {"GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": "v1"},
        {"BUILD_SOURCEBRANCH": "refs/tags/v1"},
        {"BUILD_SOURCEBRANCH": "refs/pull/1/merge"},
    ],
)
def test_tag_is_no_branch(environ: dict[str, str]) -> None:
    assert branch(environ) is None


@pytest.mark.parametrize("name", ["a b", "a\nb", "x" * 201, "a..b", "-c", "a^{/x}", "a\udc80", "/"])
def test_what_cannot_be_a_branch_is_none(name: str) -> None:
    assert branch({"CIRCLE_BRANCH": name}) is None


def test_pull_request_is_based_on_its_target_then_the_merged_parent_then_the_event(
    tmp_path: Path,
) -> None:
    path = event_file(tmp_path, {"pull_request": {"base": {"sha": A}}, "before": B})
    assert named_bases({"GITHUB_BASE_REF": "main", "GITHUB_EVENT_PATH": path}) == (
        "refs/remotes/origin/main",
        branches.MERGED,
        A,
        "refs/heads/main",
    )


@pytest.mark.parametrize("content", [{"before": A}, {"merge_group": {"base_sha": A}}])
def test_event_names_the_commit_before(tmp_path: Path, content: object) -> None:
    assert named_bases({"GITHUB_EVENT_PATH": event_file(tmp_path, content)}) == (A,)


@pytest.mark.parametrize(
    "content",
    [
        {"before": "0" * 40},
        {"before": "--output=/tmp/x"},
        {"before": A + "\nHEAD"},
        {"before": 7},
        {"pull_request": ["base"]},
        [],
        "{torn",
        "[" * 100_000,
        "",
    ],
    ids=["zeros", "option", "two-lines", "number", "list", "array", "torn", "deep", "empty"],
)
def test_hostile_or_empty_event_names_nothing(tmp_path: Path, content: object) -> None:
    assert named_bases({"GITHUB_EVENT_PATH": event_file(tmp_path, content)}) == ()


def test_target_of_a_merge_queue_is_the_branch_that_its_event_names(tmp_path: Path) -> None:
    path = event_file(tmp_path, {"merge_group": {"base_ref": "refs/heads/release"}})
    assert target_branch({"GITHUB_EVENT_PATH": path}) == "release"
    assert target_branch({"GITHUB_EVENT_PATH": path, "GITHUB_BASE_REF": "main"}) == "main"


@pytest.mark.parametrize("content", [{"merge_group": {"base_ref": "refs/heads/--x"}}, [], {}, ""])
def test_target_is_none_where_no_event_names_one(tmp_path: Path, content: object) -> None:
    assert target_branch({"GITHUB_EVENT_PATH": event_file(tmp_path, content)}) is None


def test_default_branch_is_what_the_ci_names(tmp_path: Path) -> None:
    path = event_file(tmp_path, {"repository": {"default_branch": "trunk"}})
    assert default_branch({"GITHUB_EVENT_PATH": path}) == "trunk"
    assert default_branch({"CI_DEFAULT_BRANCH": "main"}) == "main"
    assert default_branch({}) is None


def test_missing_event_file_names_nothing(tmp_path: Path) -> None:
    assert named_bases({"GITHUB_EVENT_PATH": str(tmp_path / "gone")}) == ()


def test_path_with_a_zero_byte_names_nothing() -> None:
    assert named_bases({"GITHUB_EVENT_PATH": "a\0b"}) == ()


def test_huge_event_file_is_not_read(tmp_path: Path) -> None:
    path = event_file(tmp_path, {"before": A, "fill": "x" * MAX_EVENT_BYTES})
    assert named_bases({"GITHUB_EVENT_PATH": path}) == ()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipe_in_place_of_the_event_file_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert named_bases({"GITHUB_EVENT_PATH": str(pipe)}) == ()


@pytest.mark.parametrize(
    ("environ", "best"),
    [
        ({"CI_MERGE_REQUEST_DIFF_BASE_SHA": A, "CI_COMMIT_BEFORE_SHA": "0" * 40}, A),
        ({"CI_COMMIT_BEFORE_SHA": A}, A),
        ({"BUILDKITE_PULL_REQUEST_BASE_BRANCH": "dev"}, "refs/remotes/origin/dev"),
        ({"BITBUCKET_PR_DESTINATION_BRANCH": "dev"}, "refs/remotes/origin/dev"),
        ({"SYSTEM_PULLREQUEST_TARGETBRANCH": "refs/heads/dev"}, "refs/remotes/origin/dev"),
        ({"CHANGE_TARGET": "dev"}, "refs/remotes/origin/dev"),
        ({"GIT_PREVIOUS_SUCCESSFUL_COMMIT": A}, A),
    ],
    ids=str,
)
def test_other_cis_name_their_base(environ: dict[str, str], best: str) -> None:
    assert named_bases(environ)[0] == best


def test_default_branch_of_the_ci_comes_first() -> None:
    assert default_branches({"CI_DEFAULT_BRANCH": "trunk"})[0] == "refs/remotes/origin/trunk"


def test_default_branch_is_looked_for_at_the_remote_before_here() -> None:
    assert default_branches({}) == (
        "refs/remotes/origin/HEAD",
        "refs/remotes/origin/main",
        "refs/remotes/origin/master",
        "refs/heads/main",
        "refs/heads/master",
    )
