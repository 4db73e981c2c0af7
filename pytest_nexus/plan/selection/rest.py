"""The rest of a selection: tests that are left out, and run after all if another test fails.

A selection promises that a failing run is caught, not that each of its failures is. Once a run has
failed, the rest shows the other failures, and only failing runs take longer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.wording import counted
from pytest_nexus.plan.selection.modes import parse_mode
from pytest_nexus.plan.selection.unlikely import UNLIKELY, is_unlikely

if TYPE_CHECKING:
    from pytest_nexus.domain.records import Plan
    from pytest_nexus.plan.selection.recorded import RunSelection

AFTER_FAILURE: Final = "a test failed, so the tests that were left out ran too"
"""Why no test was left out in the end."""


class Rest(NamedTuple):
    """The tests that run after all if another test fails."""

    indices: tuple[int, ...]
    """Collection indices in the order of execution."""
    nodeids: tuple[str, ...]
    """Of the same tests."""
    seconds: float
    """Expected seconds of all these tests together."""
    selection: RunSelection
    """What the session records if these tests run.

    The mode stays `on`. Only runs that were caught run their rest, so as checks of the promise they
    would hide the runs that were missed.
    """


def announcement(rest: Rest) -> str:
    """Return the line that a session prints before the rest runs."""
    return f"nexus: a test failed, so {counted(len(rest.indices), 'test')} left out before run too"


def rest_of(plan: Plan, selection: RunSelection, shard: int | None = None) -> Rest | None:
    """Return the rest of a selection; None without one, and if a budget limits the time.

    Args:
        plan: of the whole suite, with verdicts and shards.
        selection: as recorded by this session.
        shard: the shard of the session, which runs its own part of the rest; None if the session
            runs the whole suite.
    """
    if selection.mode != "on" or parse_mode(selection.rule).budget is not None:
        return None
    indices = tuple(
        index
        for index in plan.order
        if is_unlikely(plan.tests[index].verdict) and shard in (None, plan.tests[index].shard)
    )
    if not indices:
        return None
    tests = [plan.tests[index] for index in indices]
    spared = frozenset(one.test.key for one in tests) | selection.left
    return Rest(
        indices,
        tuple(one.test.nodeid for one in tests),
        sum(one.forecast.duration_s for one in tests),
        selection._replace(n_left=0, left_s=0.0, left=spared, why=AFTER_FAILURE),
    )


def ran_after_all(reason: str) -> bool:
    """Return whether the tests that are left out for a reason belong to the rest."""
    return reason.startswith(UNLIKELY)
