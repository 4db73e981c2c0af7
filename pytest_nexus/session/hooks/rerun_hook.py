"""Let users' hooks overrule the decision about a failed attempt."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.reruns.rerun_policy import Decision

if TYPE_CHECKING:
    from pytest_nexus.plan.reruns.rerun_policy import FailedAttempt
    from pytest_nexus.session.hooks.user_hooks import UserHooks

RERUN: Final = "pytest_nexus_rerun"

MAX_ASKED: Final = 20
"""Reruns of one test that a hook may ask for. Without this limit, a hook that always asks would
hang the session."""

_MAX_DELAY_S: Final = 3600.0


def overrule(hooks: UserHooks, setback: FailedAttempt, decision: Decision) -> Decision:
    """Return a hook's decision about a failed attempt, else the decision given."""
    found = hooks.first(RERUN, config=hooks.config, failure=setback, decision=decision)
    if found is None or (setback.number > MAX_ASKED and found != decision):
        return decision
    if not _is_usable(found):
        hooks.refuse(RERUN, found)
        return decision
    if not found.is_rerun:
        return Decision(is_rerun=False, reason=found.reason)
    return Decision(
        is_rerun=True,
        reason=found.reason,
        delay_s=found.delay_s,
        cost_s=max(found.cost_s, setback.duration_s),
    )


def _is_usable(value: object) -> bool:
    return (
        isinstance(value, Decision)
        and isinstance(value.reason, str)
        and all(_is_seconds(each) for each in (value.delay_s, value.cost_s))
    )


def _is_seconds(value: object) -> bool:
    return isinstance(value, int | float) and isfinite(value) and 0 <= value <= _MAX_DELAY_S
