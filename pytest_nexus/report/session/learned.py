"""Say which tests the outcomes of a run moved forward, and how many of them failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_nexus.plan.within_run.moves import LivePlan
    from pytest_nexus.session.timeline import Timeline

_MOST: Final = 10
"""Failures that are explained one by one."""
_NAMES: Final = 3
"""Moved tests that are named for each failure."""


def learned_line(live: LivePlan, timeline: Timeline) -> str:
    """Return one sentence about all moves; empty if no test moved forward."""
    moved = live.moves.moved
    forward = {index for one in moved for index in one.forward}
    if not forward:
        return ""
    names = _names(live)
    bad = {timeline.nodeids[at] for at in timeline.bad}
    n_failed = sum(names.get(index) in bad for index in forward)
    return (
        f"after {counted(len(moved), 'failure')}, {counted(len(forward), 'test')} with the same"
        f" words moved forward; {n_failed:,} of them failed"
    )


def explanation(live: LivePlan) -> list[str]:
    """Return one line for each of the first failures that moved tests forward."""
    names = _names(live)
    lines = []
    for one in live.moves.moved[:_MOST]:
        shown = ", ".join(names.get(index, "?") for index in one.forward[:_NAMES])
        rest = len(one.forward) - _NAMES
        more = f" and {rest:,} more" if rest > 0 else ""
        lines.append(f"after {names.get(one.failed, '?')} had failed, forward: {shown}{more}")
    return lines


def _names(live: LivePlan) -> Mapping[int, str]:
    return dict(zip(live.order, live.nodeids, strict=True))
