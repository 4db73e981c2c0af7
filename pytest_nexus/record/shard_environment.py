"""Which of how many parallel jobs this one is, as its CI says.

A matrix over anything else (a version of Python, an operating system) counts its jobs in the same
variables, on GitLab (`parallel:matrix`), Azure and Bitbucket alike: there the shard is to be given.
GitHub names no such variables; a workflow passes its matrix on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_nexus.errors import OptionError
from pytest_nexus.plan.shards.split import MAX_SHARDS

if TYPE_CHECKING:
    from collections.abc import Mapping

_SHARD: Final = re.compile(r"\s*([0-9]{1,9})\s*/\s*([0-9]{1,9})\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Provider:
    name: str
    index: str
    total: str
    first: int
    """What the CI calls its first job."""


_PROVIDERS: Final = (
    # https://docs.gitlab.com/ci/variables/predefined_variables/ - the index is absent without
    # `parallel`, and the total is 1 then
    _Provider("GitLab", "CI_NODE_INDEX", "CI_NODE_TOTAL", 1),
    # https://circleci.com/docs/variables/ - from 0 to CIRCLE_NODE_TOTAL - 1
    _Provider("CircleCI", "CIRCLE_NODE_INDEX", "CIRCLE_NODE_TOTAL", 0),
    # https://buildkite.com/docs/pipelines/configure/environment-variables - the first one is 0
    _Provider("Buildkite", "BUILDKITE_PARALLEL_JOB", "BUILDKITE_PARALLEL_JOB_COUNT", 0),
    # https://support.atlassian.com/bitbucket-cloud/docs/set-up-or-run-parallel-steps/ - zero-based
    _Provider("Bitbucket", "BITBUCKET_PARALLEL_STEP", "BITBUCKET_PARALLEL_STEP_COUNT", 0),
    # https://docs.semaphoreci.com/reference/env-vars - from 1
    _Provider("Semaphore", "SEMAPHORE_JOB_INDEX", "SEMAPHORE_JOB_COUNT", 1),
    # https://learn.microsoft.com/azure/devops/pipelines/test/parallel-testing-any-test-runner
    _Provider("Azure", "SYSTEM_JOBPOSITIONINPHASE", "SYSTEM_TOTALJOBSINPHASE", 1),
)


def shard_of(environ: Mapping[str, str]) -> tuple[int, int] | None:
    """Return the number of this job, from 1, and of all jobs; None where no CI says so.

    >>> shard_of({"CIRCLE_NODE_INDEX": "0", "CIRCLE_NODE_TOTAL": "4"})
    (1, 4)

    Raises:
        OptionError: the CI names an index that is not among its jobs.
    """
    for provider in _PROVIDERS:
        index, total = environ.get(provider.index), environ.get(provider.total)
        if index and total:
            return _checked(provider, index, total)
    return None


def parse_shard(text: str) -> tuple[int, int]:
    """Return K and N of `K/N`.

    >>> parse_shard("2/5")
    (2, 5)

    Raises:
        OptionError: it is not of that form, or K is not from 1 to N.
    """
    found = _SHARD.fullmatch(text)
    shard, total = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= shard <= total <= MAX_SHARDS:
        raise OptionError(
            f"A shard must be K/N with 1 <= K <= N <= {MAX_SHARDS}, the first one 1/N, got {text!r}"
        )
    return shard, total


def _checked(provider: _Provider, index: str, total: str) -> tuple[int, int]:
    if index.isascii() and index.isdecimal() and len(index) < 10:
        try:
            return parse_shard(f"{int(index) + 1 - provider.first}/{total}")
        except OptionError:
            pass
    raise OptionError(
        f"{provider.name} says that this is job {provider.index}={index!r} of "
        f"{provider.total}={total!r}, counted from {provider.first}, which is none of them; "
        "give the shard as --nexus-shard=K/N"
    )
