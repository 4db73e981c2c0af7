"""Cached steps that run again and again for one reason. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.wording import counted
from pytest_nexus.plan.insights.finding import MIN_RUNS, MIN_SAVED_S, Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.plan.insights.finding import CachedCall, Seen

_LEAST_SHARE: Final = 0.5


def missing_caches(seen: Seen) -> list[Finding]:
    """Return the cached steps that ran in half of their calls, most often for one reason.

    That reason must account for half of the runs. Their seconds would be saved, divided by the
    number of test runs in the same time, or by the calls if no test run is known.
    """
    steps: dict[str, list[CachedCall]] = defaultdict(list)
    for call in seen.cached_calls:
        steps[call.step].append(call)
    found = []
    for step, calls in steps.items():
        missed = [call for call in calls[1:] if call.action == "ran"]
        if len(calls) < MIN_RUNS or len(missed) < _LEAST_SHARE * (len(calls) - 1):
            continue
        ((why, n),) = Counter(call.why for call in missed).most_common(1)
        if not why or n < _LEAST_SHARE * len(missed):
            continue
        spent_s = sum(call.seconds for call in missed if call.why == why)
        saved_s = spent_s / _runs_since(calls, seen)
        if saved_s >= MIN_SAVED_S:
            found.append(_finding(step, why, saved_s, f"{n} of {counted(len(calls), 'call')}"))
    return found


def _runs_since(calls: Sequence[CachedCall], seen: Seen) -> int:
    runs = sum(run.started_at >= calls[0].at for run in seen.runs)
    return runs or len(calls)


def _finding(step: str, why: str, saved_s: float, times: str) -> Finding:
    return Finding(
        "caches",
        f"the cached step `{step}` runs again, because {why}",
        saved_s,
        f"{times} ran for this reason",
        "name what the step writes with --output, and keep what changes each time out of its input",
    )
