"""The result of a selection, and the part of it that one session records."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_nexus.plan.selection.recorded import RunSelection
from pytest_nexus.plan.selection.unlikely import is_unlikely

if TYPE_CHECKING:
    from pytest_nexus.domain.records import Plan
    from pytest_nexus.plan.selection.recorded import Mode


class Selected(NamedTuple):
    """What a selection decided about all tests of the suite."""

    mode: Mode
    rule: str
    """The value of `nexus_select`."""
    confidence: float | None = None
    gap: float | None = None
    why: str = ""
    """Why all tests run, or why none is left out by its forecast; else empty."""
    spared: frozenset[int] = frozenset()
    """Indices of the tests that could be left out, and run nevertheless."""


def recorded(plan: Plan, selected: Selected, shard: int | None = None) -> RunSelection:
    """Return what one session records about a selection.

    Args:
        plan: of the whole suite, with the shard of each test.
        selected: about the whole suite.
        shard: the shard of the session; a test that is left out counts for the shard that would run
            it. None if the session runs the whole suite.
    """
    tests = enumerate(plan.tests)
    ours = {index: one for index, one in tests if shard is None or one.shard == shard}
    spared = {index for index in selected.spared if index in ours}
    left = spared
    if selected.mode == "on":
        left = {index for index, one in ours.items() if is_unlikely(one.verdict)}
    return RunSelection(
        selected.mode,
        selected.rule,
        selected.confidence,
        selected.gap,
        len(left),
        sum(ours[index].forecast.duration_s for index in sorted(left)),
        frozenset(ours[index].test.key for index in spared),
        selected.why,
    )
