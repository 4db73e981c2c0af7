"""How probable a failing test was before a CI run, and the tests that made it probable. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.plan.verification.groups import variant_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.journal.sessions import Session
    from pytest_nexus.plan.selection.change_risk import Calibration

LIKELIEST: Final = 3


class RunRisk(NamedTuple):
    """What the forecasts of a CI run said before its first test."""

    probability: float
    """Probability of at least one failing test, of the job with the highest one."""
    likeliest: tuple[tuple[str, float], ...]
    """Keys and probabilities of the tests that were likeliest to fail in that job."""


def run_risk(sessions: Sequence[Session], calibration: Calibration | None) -> RunRisk | None:
    """Return the risk of a run; None without a calibration or without forecasts.

    The shards of a job forecast different tests, and count as one job.

    Args:
        sessions: of one CI run, those that count.
        calibration: of the history, before the run.
    """
    jobs: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for one in sessions:
        jobs[variant_of(one.run)].update((test.key, test.p_fail) for test in one.forecasts)
    forecasts = max(jobs.values(), key=lambda tests: sum(tests.values()), default={})
    if calibration is None or not forecasts:
        return None
    ranked = sorted(forecasts.items(), key=lambda item: (-item[1], item[0]))
    return RunRisk(calibration.probability(sum(forecasts.values())), tuple(ranked[:LIKELIEST]))
