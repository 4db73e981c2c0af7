"""The rest of a selection: tests that are left out, and run after all if another test fails.

A selection promises that a failing run is caught, not that each of its failures is. Once a run has
failed, the rest shows the other failures, and only failing runs take longer.

A shard runs its own part of the rest after one of its tests has failed. If only tests of other
shards fail, a session of its own runs this part when all shards have ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.wording import counted
from pytest_nexus.plan.selection.unlikely import UNLIKELY, is_unlikely

if TYPE_CHECKING:
    from pytest_nexus.domain.records import Plan, Verdict
    from pytest_nexus.plan.selection.recorded import RunSelection
    from pytest_nexus.plan.selection.selected import Selected

AFTER_FAILURE: Final = "a test failed, so the tests that were left out ran too"
"""Why no test was left out in the end."""

ONLY_REST: Final = "a test of another shard failed, so the tests that were left out ran too"
"""Likewise, for a session that runs nothing but the rest of a shard."""

RAN_REST: Final = frozenset({AFTER_FAILURE, ONLY_REST})
"""Both reasons why tests ran that the selection leaves out."""

_BUDGET: Final = "budget:"
"""Stands in the rule of a selection that limits the time."""

REST_ALONE: Final = "--nexus-select-rest=only"
"""Among the names of `selected_by`: the session runs only the rest of a shard."""


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
    if not has_rest(selection):
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


def has_rest_apart(plan: Plan, selection: Selected) -> bool:
    """Return whether a shard leaves out tests that may run after a failure of another shard."""
    if not has_rest(selection) or len({one.shard for one in plan.tests}) < 2:
        return False
    return any(is_of_rest(one.verdict) for one in plan.tests)


def has_rest(selection: RunSelection | Selected) -> bool:
    """Return whether a selection leaves out tests that may run after all: none under a budget."""
    return selection.mode == "on" and _BUDGET not in selection.rule


def rest_alone(plan: Plan, selection: RunSelection, shard: int) -> RunSelection:
    """Return what a session records that runs only the rest of a shard.

    Args:
        plan: of the whole suite, with verdicts and shards.
        selection: as the shard recorded it.
        shard: the shard.
    """
    rest = [one for one in plan.tests if one.shard == shard and is_of_rest(one.verdict)]
    keys = frozenset(one.test.key for one in rest)
    return selection._replace(n_left=0, left_s=0.0, left=keys, why=ONLY_REST)


def is_of_rest(verdict: Verdict) -> bool:
    """Return whether a test is left out, and may run after all if another test fails."""
    return verdict.action == "leave" and ran_after_all(verdict.reason)


def ran_after_all(reason: str) -> bool:
    """Return whether the tests that are left out for a reason belong to the rest."""
    return reason.startswith(UNLIKELY)
