from __future__ import annotations

import platform

import pytest

from pytest_nexus.ci.branches import branch
from pytest_nexus.ci.current_run import ci_run
from pytest_nexus.domain.records import CIRun
from pytest_nexus.record.machine import machine

PROVIDERS = {
    "github": (
        {
            "GITHUB_ACTIONS": "true",
            "GITHUB_RUN_ID": "16",
            "GITHUB_RUN_NUMBER": "7",
            "GITHUB_RUN_ATTEMPT": "2",
            "GITHUB_WORKFLOW": "tests",
            "GITHUB_JOB": "unit",
            "GITHUB_EVENT_NAME": "push",
        },
        CIRun("github", "16", 7, 2, "tests", "unit", "push"),
    ),
    "gitlab": (
        {
            "GITLAB_CI": "true",
            "CI_PIPELINE_ID": "16",
            "CI_PIPELINE_IID": "7",
            "CI_JOB_NAME": "unit 1/3",
            "CI_PIPELINE_SOURCE": "merge_request_event",
        },
        CIRun("gitlab", "16", 7, 1, "", "unit 1/3", "merge_request_event"),
    ),
    "circleci": (
        {
            "CIRCLECI": "true",
            "CIRCLE_WORKFLOW_ID": "a-b",
            "CIRCLE_BUILD_NUM": "7",
            "CIRCLE_JOB": "unit",
        },
        CIRun("circleci", "a-b", 7, job="unit"),
    ),
    "buildkite": (
        {
            "BUILDKITE": "true",
            "BUILDKITE_BUILD_ID": "a-b",
            "BUILDKITE_BUILD_NUMBER": "7",
            "BUILDKITE_RETRY_COUNT": "1",
            "BUILDKITE_PIPELINE_SLUG": "tests",
            "BUILDKITE_LABEL": "unit",
            "BUILDKITE_SOURCE": "webhook",
        },
        CIRun("buildkite", "a-b", 7, 2, "tests", "unit", "webhook"),
    ),
    "bitbucket": (
        {
            "BITBUCKET_PIPELINE_UUID": "{a-b}",
            "BITBUCKET_BUILD_NUMBER": "7",
            "BITBUCKET_STEP_RUN_NUMBER": "3",
        },
        CIRun("bitbucket", "{a-b}", 7, 3),
    ),
    "azure": (
        {
            "TF_BUILD": "True",
            "BUILD_BUILDID": "16",
            "BUILD_BUILDNUMBER": "20240105.1",
            "BUILD_DEFINITIONNAME": "tests",
            "BUILD_REASON": "PullRequest",
            "SYSTEM_JOBATTEMPT": "2",
            "SYSTEM_JOBNAME": "unit",
        },
        CIRun("azure", "16", 16, 2, "tests", "unit", "PullRequest"),
    ),
    "jenkins": (
        {
            "JENKINS_URL": "https://ci",
            "BUILD_TAG": "jenkins-tests-7",
            "BUILD_NUMBER": "7",
            "JOB_NAME": "tests",
            "STAGE_NAME": "unit",
        },
        CIRun("jenkins", "jenkins-tests-7", 7, 1, "tests", "unit"),
    ),
}


@pytest.mark.parametrize("name", PROVIDERS)
def test_ci_run_is_read_from_the_documented_variables(name: str) -> None:
    environ, expected = PROVIDERS[name]
    assert ci_run(environ) == expected


@pytest.mark.parametrize("environ", [{}, {"CI": "true"}, {"GITHUB_ACTIONS": "true"}])
def test_no_run_outside_a_known_ci(environ: dict[str, str]) -> None:
    assert ci_run(environ) is None


def test_id_without_its_ci_is_no_run() -> None:
    assert ci_run({"GITHUB_RUN_ID": "16", "BUILD_NUMBER": "3"}) is None


@pytest.mark.parametrize("junk", ["", "x", "-3", "1.5", "1e9", "٣", "9" * 30, "0x10"])
def test_number_that_is_none_is_left_out(junk: str) -> None:
    environ = PROVIDERS["github"][0] | {"GITHUB_RUN_NUMBER": junk, "GITHUB_RUN_ATTEMPT": junk}
    run = ci_run(environ)
    assert run is not None
    assert (run.run_number, run.run_attempt) == (None, 1)


def test_attempt_is_never_below_one() -> None:
    run = ci_run(PROVIDERS["github"][0] | {"GITHUB_RUN_ATTEMPT": "0"})
    assert run is not None
    assert run.run_attempt == 1


def test_huge_value_is_cut() -> None:
    run = ci_run(PROVIDERS["github"][0] | {"GITHUB_WORKFLOW": "x" * 100_000})
    assert run is not None
    assert run.workflow == "x" * 200


def test_value_that_is_not_text_can_be_stored() -> None:
    run = ci_run(PROVIDERS["github"][0] | {"GITHUB_JOB": "a\udcffb"})
    assert run is not None
    assert run.job.encode("utf-8") == b"a?b"


def test_no_other_variable_is_let_through() -> None:
    environ = PROVIDERS["github"][0] | {"GITHUB_TOKEN": "hidden-value", "PASSWORD": "hidden-value"}
    assert "hidden-value" not in repr(ci_run(environ))


def test_branch_is_the_cis() -> None:
    assert branch({"GITHUB_HEAD_REF": "work"}) == "work"


def test_machine_is_this_interpreter_on_this_system() -> None:
    python, system = machine()
    assert python.endswith(platform.python_version())
    assert system.partition("-")[2].lower() == platform.machine().lower()
