"""Find the number of this job among parallel jobs, as its CI states.

GitLab (`parallel:matrix`), Azure and Bitbucket use the same variables for a matrix over anything
else, such as Python versions or operating systems. There the user must give the shard. GitHub has
no such variables; a workflow passes the values of its matrix.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pytest_nexus.ci.providers import providers
from pytest_nexus.domain.records import MAX_SHARDS
from pytest_nexus.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_nexus.ci.providers import Provider

_SHARD: Final = re.compile(r"\s*([0-9]{1,9})\s*/\s*([0-9]{1,9})\s*", re.ASCII)


def shard_of(environ: Mapping[str, str]) -> tuple[int, int] | None:
    """Return the number of this job, from 1, and the number of jobs; None if no CI states them.

    >>> shard_of({"CIRCLE_NODE_INDEX": "0", "CIRCLE_NODE_TOTAL": "4"})
    (1, 4)

    Raises:
        OptionError: the CI names an index that is not among its jobs.
    """
    for provider in providers(environ):
        index, total = environ.get(provider.job_index), environ.get(provider.n_jobs)
        if index and total:
            return _checked(provider, index, total)
    return None


def parse_shard(text: str) -> tuple[int, int]:
    """Return K and N of `K/N`.

    >>> parse_shard("2/5")
    (2, 5)

    OptionError: the text does not have that form, or K is not from 1 to N.
        OptionError: it is not of that form, or K is not from 1 to N.
    """
    found = _SHARD.fullmatch(text)
    shard, total = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= shard <= total <= MAX_SHARDS:
        raise OptionError(
            "NX102",
            f"A shard must be K/N with 1 <= K <= N <= {MAX_SHARDS}, the first one 1/N,"
            f" got {text!r}",
        )
    return shard, total


def _checked(provider: Provider, index: str, total: str) -> tuple[int, int]:
    if index.isascii() and index.isdecimal() and len(index) < 10:
        try:
            return parse_shard(f"{int(index) + 1 - provider.first_job}/{total}")
        except OptionError:
            pass
    raise OptionError(
        "NX103",
        f"{provider.title} numbers this job {provider.job_index}={index!r} of"
        f" {provider.n_jobs}={total!r}, but counts jobs from {provider.first_job};"
        " give the shard as --nexus-shard=K/N",
    )
