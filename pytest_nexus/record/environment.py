"""Where a session runs: the CI, the branch the CI names, the interpreter and the machine."""

from __future__ import annotations

import os
import platform
import sys
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.impact.event import branch
from pytest_nexus.records import CIRun

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["branch", "ci_run", "machine"]

_MAX_CHARS: Final = 200
"""Longer values are cut: names of jobs and workflows are shorter."""
_MAX_DIGITS: Final = 18
"""What has more digits does not fit SQLite's integers and is no count of runs."""


class _Provider(NamedTuple):
    """The documented names of one CI's environment variables; empty where it has none."""

    name: str
    sign: str
    """Is set where this CI runs."""
    run_id: str
    run_number: str
    workflow: str
    job: str
    event: str
    run_attempt: str = ""
    first_attempt: int = 1
    """What the CI calls the first attempt."""


_PROVIDERS: Final = (
    _Provider(
        "github",
        sign="GITHUB_ACTIONS",
        run_id="GITHUB_RUN_ID",
        run_number="GITHUB_RUN_NUMBER",
        workflow="GITHUB_WORKFLOW",
        job="GITHUB_JOB",
        event="GITHUB_EVENT_NAME",
        run_attempt="GITHUB_RUN_ATTEMPT",
    ),
    _Provider(
        "gitlab",
        sign="GITLAB_CI",
        run_id="CI_PIPELINE_ID",
        run_number="CI_PIPELINE_IID",
        workflow="CI_PIPELINE_NAME",
        job="CI_JOB_NAME",
        event="CI_PIPELINE_SOURCE",
    ),
    _Provider(
        "circleci",
        sign="CIRCLECI",
        run_id="CIRCLE_WORKFLOW_ID",
        run_number="CIRCLE_BUILD_NUM",
        workflow="",
        job="CIRCLE_JOB",
        event="",
    ),
    _Provider(
        "buildkite",
        sign="BUILDKITE",
        run_id="BUILDKITE_BUILD_ID",
        run_number="BUILDKITE_BUILD_NUMBER",
        workflow="BUILDKITE_PIPELINE_SLUG",
        job="BUILDKITE_LABEL",
        event="BUILDKITE_SOURCE",
        run_attempt="BUILDKITE_RETRY_COUNT",
        first_attempt=0,
    ),
    _Provider(
        "bitbucket",
        sign="BITBUCKET_PIPELINE_UUID",
        run_id="BITBUCKET_PIPELINE_UUID",
        run_number="BITBUCKET_BUILD_NUMBER",
        workflow="",
        job="BITBUCKET_STEP_UUID",
        event="",
        run_attempt="BITBUCKET_STEP_RUN_NUMBER",
    ),
    _Provider(
        "azure",
        sign="TF_BUILD",
        run_id="BUILD_BUILDID",
        run_number="BUILD_BUILDID",  # BUILD_BUILDNUMBER is a text that each pipeline lays out
        workflow="BUILD_DEFINITIONNAME",
        job="SYSTEM_JOBNAME",
        event="BUILD_REASON",
        run_attempt="SYSTEM_JOBATTEMPT",
    ),
    _Provider(
        "jenkins",
        sign="JENKINS_URL",
        run_id="BUILD_TAG",
        run_number="BUILD_NUMBER",
        workflow="JOB_NAME",
        job="STAGE_NAME",
        event="",
    ),
)


def ci_run(environ: Mapping[str, str]) -> CIRun | None:
    """Return the CI run that an environment names, None outside the CIs known here.

    Values are cut at 200 characters; a number that is none is left out. Without an id a run
    cannot be told from another, and counts as none.

    >>> run = ci_run({"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "7", "GITHUB_RUN_NUMBER": "x"})
    >>> run.provider, run.run_id, run.run_number
    ('github', '7', None)
    """
    for provider in _PROVIDERS:
        run_id = _text(environ, provider.run_id)
        if environ.get(provider.sign) and run_id:
            return _run_of(provider, run_id, environ)
    return None


def machine() -> tuple[str, str]:
    """Return the Python version and the platform, `("3.12.4", "linux-x86_64")`.

    Another interpreter than CPython is named before its version.
    """
    name = platform.python_implementation()
    version = platform.python_version()
    python = version if name == "CPython" else f"{name} {version}"
    return python, f"{sys.platform}-{_processor()}"


def _run_of(provider: _Provider, run_id: str, environ: Mapping[str, str]) -> CIRun:
    attempt = _number(environ, provider.run_attempt)
    return CIRun(
        provider=provider.name,
        run_id=run_id,
        run_number=_number(environ, provider.run_number),
        run_attempt=1 if attempt is None else max(1, attempt + 1 - provider.first_attempt),
        workflow=_text(environ, provider.workflow),
        job=_text(environ, provider.job),
        event=_text(environ, provider.event),
    )


def _text(environ: Mapping[str, str], variable: str) -> str:
    value = environ.get(variable, "")[:_MAX_CHARS]
    return value.encode("utf-8", "replace").decode("utf-8").strip()


def _number(environ: Mapping[str, str], variable: str) -> int | None:
    value = environ.get(variable, "").strip()
    is_number = value.isascii() and value.isdecimal() and len(value) <= _MAX_DIGITS
    return int(value) if is_number else None


def _processor() -> str:
    # platform.machine() may wait for Windows' management service
    uname = getattr(os, "uname", None)
    name = uname().machine if uname else os.environ.get("PROCESSOR_ARCHITECTURE", "")
    return str(name)[:_MAX_CHARS].lower()
