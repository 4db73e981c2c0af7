"""Estimate the set-up cost of each block in seconds, from the recorded set-ups of its tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_nexus.domain.median import lower_median
from pytest_nexus.plan.blocks import Block, leaves

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_nexus.domain.records import CollectedTest
    from pytest_nexus.plan.blocks import Layout
    from pytest_nexus.plan.known_tests import StatsIndex


class Setups(NamedTuple):
    """Shared set-up, moved from the tests that happened to pay for it to the blocks."""

    by_block: Mapping[str, float]
    """Seconds of set-up before the first test of a block, by block name."""
    paid_by: Mapping[int, float]
    """Seconds to subtract from the recorded duration of a test, by collection index."""


def shared_setups(tests: Sequence[CollectedTest], index: StatsIndex, layout: Layout) -> Setups:
    """Return the cost of each block in addition to its tests.

    The history contains the set-up phase of each test, and the first test of a block pays for the
    whole shared set-up. So the cost is the maximum over the block's tests of the median set-up,
    minus the typical set-up, which is the median over these tests. The part that the payer paid is
    not counted again in inner blocks. A test without history counts as having no set-up. If several
    tests paid the same, the one with the highest node id counts as the payer: the collection order
    differs between shards that shuffle.
    """

    def expected(position: int) -> float:
        stats, _ = index.find(tests[position])
        return stats.setup_s if stats is not None else 0.0

    return charge(tests, expected, layout)


def charge(
    tests: Sequence[CollectedTest], setup_s: Callable[[int], float], layout: Layout
) -> Setups:
    """Return the cost of each block in addition to its tests, from each test's set-up seconds."""
    books = _Books([test.nodeid for test in tests], {}, {}, {})
    for member in layout.body.members:
        if isinstance(member, Block):
            for leaf in leaves(member):
                books.setups[leaf] = setup_s(leaf)
            books.charge(member)
    return Setups(books.by_block, books.paid_by)


class _Books(NamedTuple):
    nodeids: Sequence[str]
    setups: dict[int, float]
    """Remaining set-up of each test after the blocks around it were charged."""
    by_block: dict[str, float]
    paid_by: dict[int, float]

    def charge(self, block: Block) -> None:
        if not block.is_rigid:
            self._take_from_payer(block)
        for member in block.members:
            if isinstance(member, Block):
                self.charge(member)

    def _take_from_payer(self, block: Block) -> None:
        members = leaves(block)
        payer = max(members, key=lambda member: (self.setups[member], self.nodeids[member]))
        typical = lower_median(self.setups[member] for member in members)
        cost = self.setups[payer] - typical
        if cost > 0:
            # The same inner scope stands in several blocks if a session fixture has parameters.
            self.by_block[block.name] = max(cost, self.by_block.get(block.name, 0.0))
            self.paid_by[payer] = self.paid_by.get(payer, 0.0) + cost
            self.setups[payer] = typical


def seconds_in(
    order: Sequence[int],
    tests: Sequence[CollectedTest],
    own_s: Sequence[float],
    by_block: Mapping[str, float],
) -> list[float]:
    """Return the seconds of each test in the order of a process, by collection index.

    The first test of a block pays for its set-up. pytest tears the set-up down before the next test
    that does not need it, so an order that interrupts a block pays again.

    Args:
        order: collection indices.
        tests: as collected.
        own_s: seconds by collection index, without shared set-up.
        by_block: seconds of set-up by block name; blocks without an entry cost none.
    """
    seconds = list(own_s)
    standing: tuple[str, ...] = ()
    for index in order:
        scopes = tests[index].scopes
        if scopes != standing:
            paid = [
                by_block.get(scope, 0.0)
                for at, scope in enumerate(scopes)
                if scopes[: at + 1] != standing[: at + 1]
            ]
            seconds[index] += sum(paid)
            standing = scopes
    return seconds
