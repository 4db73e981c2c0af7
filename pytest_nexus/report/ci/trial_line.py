"""Say which value of a setting a run of the CI tries, in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.ci.current_run import ci_run
from pytest_nexus.plan.autopilot.arms import tries
from pytest_nexus.plan.autopilot.sentences import this_run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_nexus.history.store import History


def trial_line(history: History, environ: Mapping[str, str]) -> str:
    """Return the line of a report; empty outside a CI, or if no experiment goes on."""
    ci = ci_run(environ)
    experiment = history.learned.read().open
    if ci is None or experiment is None:
        return ""
    return this_run(experiment, is_new=tries(ci.run_id, experiment))
