"""Apply a saved plan to a job's collection: every job gives a test the same shard."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.identity import key_of_nodeid
from pytest_nexus.domain.wording import counted
from pytest_nexus.errors import PlanError, with_code
from pytest_nexus.plan.sharding.split import stable_shard

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_nexus.domain.records import CollectedTest, NodeId
    from pytest_nexus.plan.sharding.document import SavedPlan, SavedTest

LISTED: Final = 10
"""Number of tests that a sentence names before it only counts the rest."""


@dataclass(frozen=True, slots=True)
class Applied:
    """A saved plan applied to a collection."""

    shards: tuple[int, ...]
    """Shard by collection index."""
    planned: tuple[SavedTest | None, ...]
    """The saved plan's entry of each collected test; None for a test that the plan does not
    know."""
    new: tuple[NodeId, ...]
    """Collected tests that the plan does not know."""
    vanished: tuple[NodeId, ...]
    """Planned tests that were not collected."""

    @property
    def differences(self) -> list[str]:
        """Return one sentence for each kind of difference between the collection and the plan."""
        found = []
        if self.new:
            found.append(
                with_code(
                    "NX212",
                    f"{_tests(self.new)} not in the plan; a hash of each name chooses the shard: "
                    f"{listing(self.new)}",
                )
            )
        if self.vanished:
            found.append(
                with_code(
                    "NX213",
                    f"{_tests(self.vanished)} in the plan, but not collected:"
                    f" {listing(self.vanished)}",
                )
            )
        return found


def require_width(saved: SavedPlan, n_shards: int) -> None:
    """Refuse a plan made for another number of shards, because no job would run some shards.

    Raises:
        PlanError: the message names both numbers and the remedy.
    """
    if saved.n_shards != n_shards:
        raise PlanError(
            "NX451",
            f"The plan is for {saved.n_shards} shards, but this job is one of {n_shards}: "
            f"run {saved.n_shards} jobs, or make the plan with --shards {n_shards}",
        )


def apply(saved: SavedPlan, tests: Sequence[CollectedTest]) -> Applied:
    """Return the shard of each collected test, and the tests that the plan does not account for.

    Every job gives a test the same shard, even if the jobs collect different tests. A test that the
    plan knows keeps its shard. A new test follows the known part of its block, the part that runs
    rather than the part that is left out. Without a known part, a hash of its block decides, or of
    its key if it is in no block. Tests with the same id are matched by their order.
    """
    known: defaultdict[str, list[SavedTest]] = defaultdict(list)
    for test in reversed(saved.tests):
        known[key_of_nodeid(test.nodeid)].append(test)
    blocks = _shards_of_blocks(saved)
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
    """Return the first ids, and the number of further ids.

    >>> listing(["a", "b"])
    'a, b'
    """
    more = len(nodeids) - LISTED
    return ", ".join(nodeids[:LISTED]) + (f" and {more:,} more" if more > 0 else "")


def _shards_of_blocks(saved: SavedPlan) -> dict[str, int]:
    """Return the shard of each block: that of its first test which runs, else of its first test."""
    backwards = [test for test in reversed(saved.tests) if test.block]
    running = {test.block: test.shard for test in backwards if test.verdict.action == "run"}
    return {test.block: test.shard for test in backwards} | running


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
