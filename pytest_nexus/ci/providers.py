"""The table of known CIs, with the documented names of their variables."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.system import entry_points
from pytest_nexus.errors import with_code

if TYPE_CHECKING:
    from collections.abc import Mapping

GROUP: Final = "pytest_nexus.ci_providers"
"""Group of entry points; each entry point is a `Provider`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """The environment variables of one CI; a name is empty if the CI has no such variable."""

    name: str
    """Short name, stored with each run of the history."""
    title: str
    """Name for messages."""
    sign: str
    """A variable that is set only by this CI."""
    run_id: str = ""
    run_number: str = ""
    workflow: str = ""
    job: str = ""
    event: str = ""
    run_attempt: str = ""
    first_attempt: int = 1
    """The number that the CI gives to the first attempt of a run."""
    job_index: str = ""
    """Number of this job among parallel jobs of one kind."""
    n_jobs: str = ""
    first_job: int = 1
    """The number that the CI gives to the first parallel job."""
    branches: tuple[str, ...] = ()
    """Variables of the current branch. Variables that only pull requests have come first."""
    target_branches: tuple[str, ...] = ()
    """Variables of the target branch of a pull request."""
    base_commits: tuple[str, ...] = ()
    """Variables of the commit at which a change starts, best first."""
    default_branches: tuple[str, ...] = ()


PROVIDERS: Final = (
    # https://docs.github.com/actions/reference/workflows-and-actions/variables
    # GitHub names no parallel jobs; a workflow passes its matrix on.
    Provider(
        name="github",
        title="GitHub Actions",
        sign="GITHUB_ACTIONS",
        run_id="GITHUB_RUN_ID",
        run_number="GITHUB_RUN_NUMBER",
        workflow="GITHUB_WORKFLOW",
        job="GITHUB_JOB",
        event="GITHUB_EVENT_NAME",
        run_attempt="GITHUB_RUN_ATTEMPT",
        branches=("GITHUB_HEAD_REF",),
        target_branches=("GITHUB_BASE_REF",),
    ),
    # https://docs.gitlab.com/ci/variables/predefined_variables/ - without `parallel` there is no
    # index, and the total is 1
    Provider(
        name="gitlab",
        title="GitLab",
        sign="GITLAB_CI",
        run_id="CI_PIPELINE_ID",
        run_number="CI_PIPELINE_IID",
        workflow="CI_PIPELINE_NAME",
        job="CI_JOB_NAME",
        event="CI_PIPELINE_SOURCE",
        job_index="CI_NODE_INDEX",
        n_jobs="CI_NODE_TOTAL",
        branches=("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "CI_COMMIT_BRANCH"),
        target_branches=("CI_MERGE_REQUEST_TARGET_BRANCH_NAME",),
        base_commits=("CI_MERGE_REQUEST_DIFF_BASE_SHA", "CI_COMMIT_BEFORE_SHA"),
        default_branches=("CI_DEFAULT_BRANCH",),
    ),
    # https://circleci.com/docs/variables/
    Provider(
        name="circleci",
        title="CircleCI",
        sign="CIRCLECI",
        run_id="CIRCLE_WORKFLOW_ID",
        run_number="CIRCLE_BUILD_NUM",
        job="CIRCLE_JOB",
        job_index="CIRCLE_NODE_INDEX",
        n_jobs="CIRCLE_NODE_TOTAL",
        first_job=0,
        branches=("CIRCLE_BRANCH",),
    ),
    # https://buildkite.com/docs/pipelines/configure/environment-variables
    Provider(
        name="buildkite",
        title="Buildkite",
        sign="BUILDKITE",
        run_id="BUILDKITE_BUILD_ID",
        run_number="BUILDKITE_BUILD_NUMBER",
        workflow="BUILDKITE_PIPELINE_SLUG",
        job="BUILDKITE_LABEL",
        event="BUILDKITE_SOURCE",
        run_attempt="BUILDKITE_RETRY_COUNT",
        first_attempt=0,
        job_index="BUILDKITE_PARALLEL_JOB",
        n_jobs="BUILDKITE_PARALLEL_JOB_COUNT",
        first_job=0,
        branches=("BUILDKITE_BRANCH",),
        target_branches=("BUILDKITE_PULL_REQUEST_BASE_BRANCH",),
        default_branches=("BUILDKITE_PIPELINE_DEFAULT_BRANCH",),
    ),
    # https://support.atlassian.com/bitbucket-cloud/docs/variables-and-secrets/
    Provider(
        name="bitbucket",
        title="Bitbucket",
        sign="BITBUCKET_PIPELINE_UUID",
        run_id="BITBUCKET_PIPELINE_UUID",
        run_number="BITBUCKET_BUILD_NUMBER",
        job="BITBUCKET_STEP_UUID",
        run_attempt="BITBUCKET_STEP_RUN_NUMBER",
        job_index="BITBUCKET_PARALLEL_STEP",
        n_jobs="BITBUCKET_PARALLEL_STEP_COUNT",
        first_job=0,
        branches=("BITBUCKET_BRANCH",),
        target_branches=("BITBUCKET_PR_DESTINATION_BRANCH",),
        base_commits=("BITBUCKET_PR_DESTINATION_COMMIT",),
    ),
    # https://docs.semaphoreci.com/reference/env-vars
    Provider(
        name="semaphore",
        title="Semaphore",
        sign="SEMAPHORE",
        job_index="SEMAPHORE_JOB_INDEX",
        n_jobs="SEMAPHORE_JOB_COUNT",
    ),
    # https://learn.microsoft.com/azure/devops/pipelines/build/variables
    Provider(
        name="azure",
        title="Azure",
        sign="TF_BUILD",
        run_id="BUILD_BUILDID",
        run_number="BUILD_BUILDID",  # BUILD_BUILDNUMBER is a text in a format of each pipeline
        workflow="BUILD_DEFINITIONNAME",
        job="SYSTEM_JOBNAME",
        event="BUILD_REASON",
        run_attempt="SYSTEM_JOBATTEMPT",
        job_index="SYSTEM_JOBPOSITIONINPHASE",
        n_jobs="SYSTEM_TOTALJOBSINPHASE",
        branches=("SYSTEM_PULLREQUEST_SOURCEBRANCH",),
        target_branches=("SYSTEM_PULLREQUEST_TARGETBRANCH",),
    ),
    # https://www.jenkins.io/doc/book/pipeline/jenkinsfile/#using-environment-variables
    Provider(
        name="jenkins",
        title="Jenkins",
        sign="JENKINS_URL",
        run_id="BUILD_TAG",
        run_number="BUILD_NUMBER",
        workflow="JOB_NAME",
        job="STAGE_NAME",
        branches=("CHANGE_BRANCH", "BRANCH_NAME", "GIT_BRANCH"),
        target_branches=("CHANGE_TARGET",),
        base_commits=("GIT_PREVIOUS_SUCCESSFUL_COMMIT",),
    ),
)
"""The order matters only if an environment has the variables of two CIs: the first CI counts."""


def providers(environ: Mapping[str, str]) -> tuple[Provider, ...]:
    """Return the CIs that may have made an environment; plugins count only if no other CI fits.

    Plugins are looked up only if `CI` is set, so sessions outside a CI pay nothing.
    """
    if not environ.get("CI") or any(environ.get(each.sign) for each in PROVIDERS):
        return PROVIDERS
    return (*PROVIDERS, *_of_plugins())


@cache
def _of_plugins() -> tuple[Provider, ...]:
    rows = []
    for name, row in entry_points.load(GROUP, _complain).items():
        if isinstance(row, Provider):
            rows.append(row)
        else:
            _complain(with_code("NX254", f"the entry point {name} of {GROUP} is not a Provider"))
    return tuple(rows)


def _complain(sentence: str) -> None:
    from pytest_nexus.domain.system.console import warn  # noqa: PLC0415 - where a row is broken

    with suppress(OSError, ValueError):  # the error output is closed
        warn(f"nexus: {sentence}")
