"""Find out whether a session has to run all tests, whatever `nexus_select` says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.ci import branches
from pytest_nexus.ci.current_run import ci_run
from pytest_nexus.ci.github_event import queue_base
from pytest_nexus.errors import with_code

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCHEDULED: Final = ("schedule", "scheduled", "cron")
_QUEUE: Final = "merge_group"
_USUAL: Final = ("main", "master")
"""The default branch where a CI does not name it."""


def why_all(environ: Mapping[str, str], branch: str | None) -> str:
    """Return why a session of a CI has to run all tests, in one sentence; empty if it need not.

    Pull requests may leave tests out. The default branch, a merge queue and scheduled runs check
    that nothing was left out wrongly. So does a session of which the branch is not known.

    Args:
        environ: the environment of this process.
        branch: as git or the CI names it.
    """
    run = ci_run(environ)
    if run is None:
        return ""
    if run.event.lower() in _SCHEDULED:
        return _all("scheduled runs")
    if run.event.lower() == _QUEUE or queue_base(environ):
        return _all("merge queues")
    if branches.target_branch(environ):
        return ""
    here = branches.branch(environ) or branch
    if not here:
        return _all("runs without a branch")
    default = branches.default_branch(environ)
    is_default = here == default if default else here in _USUAL
    return _all("runs of the default branch") if is_default else ""


def _all(what: str) -> str:
    return with_code("NX231", f"all tests run: nexus_select does not apply to {what}")
