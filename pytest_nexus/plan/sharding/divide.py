"""Divide a plan among shards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.records import PlannedTest
from pytest_nexus.plan.make import digest
from pytest_nexus.plan.selection.unlikely import is_unlikely
from pytest_nexus.plan.sharding.document import inputs_digest
from pytest_nexus.plan.sharding.pieces import ShardCosts
from pytest_nexus.plan.sharding.pinned import apply
from pytest_nexus.plan.sharding.split import divide, fewest_shards

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_nexus.domain.records import Plan
    from pytest_nexus.plan.selection.selected import Selected
    from pytest_nexus.plan.sharding.document import SavedPlan
    from pytest_nexus.plan.sharding.split import Split

_DEFAULT: Final = ShardCosts()


def divide_plan(
    plan: Plan, setups: Mapping[str, float], n_shards: int, costs: ShardCosts = _DEFAULT
) -> tuple[Plan, Split]:
    """Return the plan with the shard of each test, and the expected seconds of each shard.

    Tests that are left out do not affect the balance. Those that a forecast leaves out are divided
    apart, because a shard in which a test fails may run its part of them. All others left out are
    in shard 1.
    """
    runs = _runs(plan)
    split = divide(
        [plan.tests[index].test for index in runs],
        [plan.tests[index].forecast for index in runs],
        setups,
        n_shards,
        costs,
    )
    return with_shards(plan, _spread(plan, setups, split)), split


def narrowest_plan(
    plan: Plan,
    setups: Mapping[str, float],
    target_s: float,
    max_shards: int,
    costs: ShardCosts = _DEFAULT,
) -> tuple[Plan, Split]:
    """Return the plan divided among the fewest shards that meet a target; see `fewest_shards`."""
    runs = _runs(plan)
    split = fewest_shards(
        [plan.tests[index].test for index in runs],
        [plan.tests[index].forecast for index in runs],
        setups,
        target_s,
        max_shards,
        costs,
    )
    return with_shards(plan, _spread(plan, setups, split)), split


def with_shards(plan: Plan, shards: Sequence[int]) -> Plan:
    """Return a plan with the given shard of each test, by collection index, and its new digest."""
    planned = tuple(  # not `replace`, which takes four times as long; there are many tests
        PlannedTest(each.test, each.verdict, each.rank, each.forecast, each.block, shard)
        for each, shard in zip(plan.tests, shards, strict=True)
    )
    return plan._replace(tests=planned, digest=digest(planned))


class Followed(NamedTuple):
    """A plan with the decisions of a saved plan."""

    plan: Plan
    differences: list[str]
    """One sentence for each kind of difference from the saved plan."""
    selected: Selected | None
    """What the selection decided when the plan was saved; None if there was none."""


def follow(saved: SavedPlan, plan: Plan) -> Followed:
    """Return the plan with the decisions of a saved plan.

    The saved verdicts, shards and ranks apply, under the digest of the saved plan. Tests that the
    saved plan does not know run first in their shard, because no evidence exists about them.
    """
    applied = apply(saved, [planned.test for planned in plan.tests])
    ranked = sorted(
        range(len(plan.tests)),
        key=lambda index: (found.rank if (found := applied.planned[index]) else -1, index),
    )
    ranks = {index: rank for rank, index in enumerate(ranked)}
    planned = tuple(
        each._replace(
            shard=applied.shards[index],
            rank=ranks[index],
            verdict=found.verdict if (found := applied.planned[index]) else each.verdict,
        )
        for index, each in enumerate(plan.tests)
    )
    selected = saved.selected
    if selected is not None:
        known = enumerate(applied.planned)
        spared = frozenset(i for i, found in known if found is not None and found.is_spared)
        selected = selected._replace(spared=spared)
    followed = plan._replace(tests=planned, digest=saved.digest)
    return Followed(followed, applied.differences, selected)


def inputs_of(plan: Plan, setups: Mapping[str, float]) -> str:
    """Return the digest of the inputs from which a plan was divided."""
    return inputs_digest([planned.forecast for planned in plan.tests], setups)


def _runs(plan: Plan) -> list[int]:
    return [i for i, planned in enumerate(plan.tests) if planned.verdict.action == "run"]


def _spread(plan: Plan, setups: Mapping[str, float], split: Split) -> list[int]:
    """Return the shard of each test: of a test that runs, and of one that a forecast leaves out."""
    shards = [1] * len(plan.tests)
    for index, shard in zip(_runs(plan), split.shards, strict=True):
        shards[index] = shard
    left = [index for index, one in enumerate(plan.tests) if is_unlikely(one.verdict)]
    if left:
        tests = [plan.tests[index].test for index in left]
        forecasts = [plan.tests[index].forecast for index in left]
        rest = divide(tests, forecasts, setups, len(split.loads_s))
        for index, shard in zip(left, rest.shards, strict=True):
            shards[index] = shard
    return shards
