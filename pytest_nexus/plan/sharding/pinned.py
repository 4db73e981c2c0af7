"""A saved plan on what a job collected: the same shard for the same test in every job."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.identity import key_of_nodeid
from pytest_nexus.domain.wording import counted
from pytest_nexus.errors import PlanError
from pytest_nexus.plan.sharding.split import stable_shard

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_nexus.domain.records import CollectedTest, NodeId
    from pytest_nexus.plan.sharding.document import SavedPlan, SavedTest

LISTED: Final = 10
"""How many tests a sentence names before it goes on with a number."""


@dataclass(frozen=True, slots=True)
class Applied:
    """A saved plan on a collection."""

    shards: tuple[int, ...]
    """Shard by collection index."""
    planned: tuple[SavedTest | None, ...]
    """What the plan says of each collected test; None of one it does not know."""
    new: tuple[NodeId, ...]
    """Collected tests that the plan does not know."""
    vanished: tuple[NodeId, ...]
    """Planned tests that were not collected."""

    @property
    def differences(self) -> list[str]:
        """One sentence for each way in which the collection is not the planned one."""
        found = []
        if self.new:
            found.append(
                f"{_tests(self.new)} not in the plan and run where a hash of the name says: "
                f"{listing(self.new)}"
            )
        if self.vanished:
            found.append(
                f"{_tests(self.vanished)} planned but not collected: {listing(self.vanished)}"
            )
        return found


def require_width(saved: SavedPlan, n_shards: int) -> None:
    """Refuse a plan that was made for another number of shards: some would be run by no job.

    Raises:
        PlanError: names both numbers and what to do.
    """
    if saved.n_shards != n_shards:
        raise PlanError(
            f"The plan is for {saved.n_shards} shards, but this job is one of {n_shards}: "
            f"run {saved.n_shards} jobs, or make the plan with --shards {n_shards}"
        )


def apply(saved: SavedPlan, tests: Sequence[CollectedTest]) -> Applied:
    """Return the shard of each collected test, and what the plan does not account for.

    Every job gives a test the same shard, even if the jobs collect differently: a test that the
    plan knows keeps its shard, and a new one follows the part of its block that the plan knows,
    else a hash of its block, or of its key where it stands alone. Tests of one id go by order.
    """
    known: defaultdict[str, list[SavedTest]] = defaultdict(list)
    for test in reversed(saved.tests):
        known[key_of_nodeid(test.nodeid)].append(test)
    blocks = {test.block: test.shard for test in reversed(saved.tests) if test.block}
    planned: list[SavedTest | None] = []
    for each in tests:
        same = known.get(key_of_nodeid(each.nodeid))
        planned.append(same.pop() if same else None)
    shards = tuple(
        found.shard if found else _shard_of_new(each, blocks, saved.n_shards)
        for each, found in zip(tests, planned, strict=True)
    )
    new = tuple(each.nodeid for each, found in zip(tests, planned, strict=True) if found is None)
    vanished = tuple(sorted(test.nodeid for same in known.values() for test in same))
    return Applied(shards, tuple(planned), new, vanished)


def listing(nodeids: Sequence[str]) -> str:
    """Return the first ids, and how many more there are.

    >>> listing(["a", "b"])
    'a, b'
    """
    more = len(nodeids) - LISTED
    return ", ".join(nodeids[:LISTED]) + (f" and {more:,} more" if more > 0 else "")


def _shard_of_new(test: CollectedTest, blocks: Mapping[str, int], n_shards: int) -> int:
    names = [f"dependency:{test.path}"] if test.marker is not None else []
    names += test.scopes[:1]
    for name in names:
        if name in blocks:
            return blocks[name]
    return stable_shard(names[0] if names else key_of_nodeid(test.nodeid), n_shards)


def _tests(nodeids: Sequence[str]) -> str:
    verb = "is" if len(nodeids) == 1 else "are"
    return f"{counted(len(nodeids), 'test')} {verb}"
