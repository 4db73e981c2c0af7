"""Find the tests that must stay together, and the tests that must keep their relative order.

A test that shares no fixture scope moves freely. Tests that share their outermost scope form a
block, wherever they stand in the collection; inner scopes form blocks inside it.

Markers of other plugins fix positions:

- `order` (pytest-order): a run of marked tests at the very start of the collection stays there. A
  run at the very end stays there too. The marked tests in between form one rigid chain.
- `dependency` (pytest-dependency): the marked tests of one file form one rigid chain. Tests that
  they depend on stay free if these are unmarked or in another file.

A rigid chain keeps the collection order and is not interrupted. It stands inside the blocks that
all its tests share, and outside the blocks that only some of its tests share. A block of tests that
depend on each other keeps the collection order in all its parts, see
`order_dependence.constraints`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.domain.records import CollectedTest

ORDER_CHAIN: Final = "order"
"""Name of the single chain of `order` tests that stand neither at the start nor at the end."""

IN_ORDER: Final = "group:in order, for "
"""Prefix of the names of blocks that keep the collection order throughout."""


class Block(NamedTuple):
    """Tests, and blocks of tests, that run without other tests in between."""

    name: str
    """The shared scope, the name of the chain, or empty for the suite."""
    members: tuple[int | Block, ...]
    """Collection indices and inner blocks, sorted by their first test in the collection."""
    first: int
    """The lowest collection index inside."""
    is_rigid: bool = False
    """Whether the members keep their order."""


class Layout(NamedTuple):
    """The constraints on the order of the tests."""

    prefix: tuple[int, ...]
    """Collection indices that stay at the start."""
    body: Block
    """All tests that may move."""
    suffix: tuple[int, ...]
    """Collection indices that stay at the end."""

    def names(self) -> dict[int, str]:
        """Return, by collection index, the outermost block of each test that is in one."""
        blocks = (member for member in self.body.members if isinstance(member, Block))
        return {index: block.name for block in blocks for index in leaves(block)}


def lay_out(tests: Sequence[CollectedTest]) -> Layout:
    """Return the blocks of a collection; linear in the number of tests and of their scopes."""
    start, end = fixed_ends(tests)
    chains = _chains(tests, start, end)
    chained = {index for chain in chains.values() for index in chain}
    root = _Draft("")
    for index in range(start, end):
        if index not in chained:
            root.inside(tests[index].scopes).members.append(index)
    for name, chain in chains.items():
        block = Block(name, tuple(chain), chain[0], is_rigid=True)
        root.inside(_shared_scopes(tests, chain)).members.append(block)
    suffix = tuple(range(end, len(tests)))
    return Layout(prefix=tuple(range(start)), body=root.build(), suffix=suffix)


def leaves(block: Block) -> list[int]:
    """Return the collection indices of a block and of all blocks inside it."""
    found: list[int] = []
    for member in block.members:
        if isinstance(member, Block):
            found += leaves(member)
        else:
            found.append(member)
    return found


def fixed_ends(tests: Sequence[CollectedTest]) -> tuple[int, int]:
    """Return the slice of the collection between the `order` tests at its start and its end."""
    start, end = 0, len(tests)
    while start < end and tests[start].marker == "order":
        start += 1
    while end > start and tests[end - 1].marker == "order":
        end -= 1
    return start, end


class _Draft:
    """A block that is still being filled."""

    __slots__ = ("inner", "members", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.members: list[int | Block] = []
        self.inner: dict[str, _Draft] = {}

    def inside(self, scopes: Sequence[str]) -> _Draft:
        draft = self
        for scope in scopes:
            if scope not in draft.inner:
                draft.inner[scope] = _Draft(scope)
            draft = draft.inner[scope]
        return draft

    def build(self) -> Block:
        members = [*self.members, *(draft.build() for draft in self.inner.values())]
        members.sort(key=first_of)
        first = first_of(members[0]) if members else 0
        return Block(self.name, tuple(members), first, is_rigid=self.name.startswith(IN_ORDER))


def first_of(member: int | Block) -> int:
    """Return the lowest collection index of a member of a block."""
    return member if isinstance(member, int) else member.first


def _chains(tests: Sequence[CollectedTest], start: int, end: int) -> dict[str, list[int]]:
    chains: dict[str, list[int]] = {}
    for index in range(start, end):
        test = tests[index]
        if test.marker is not None:
            name = ORDER_CHAIN if test.marker == "order" else f"dependency:{test.path}"
            chains.setdefault(name, []).append(index)
    return chains


def _shared_scopes(tests: Sequence[CollectedTest], chain: Sequence[int]) -> tuple[str, ...]:
    shared = tests[chain[0]].scopes
    for index in chain[1:]:
        scopes = tests[index].scopes
        depth = 0
        while depth < min(len(shared), len(scopes)) and shared[depth] == scopes[depth]:
            depth += 1
        shared = shared[:depth]
    return shared
