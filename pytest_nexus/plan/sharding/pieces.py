"""Cut a collection into pieces for shards: tests that stay together, with their shared set-ups.

A shard runs whole blocks if possible. From the widest scope to the narrowest:

- An `xdist_group` and a chain of tests marked `dependency` or `order` are never cut. A chain covers
  one file. A group and a chain with a common test are one.
- Blocks of class and module scope are cut only if one block alone exceeds the fair share of a
  shard, and if the cut saves at least 5 % of its seconds: each part pays the shared set-up again.
  They are cut at the widest level that helps: a module into its classes, a class into its tests.
- Packages, parameters of session fixtures and files may be cut anywhere; the shared set-up is then
  paid twice.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from pytest_nexus.plan.blocks import Block, lay_out, leaves

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_nexus.domain.records import CollectedTest, Forecast

MIN_SECONDS: Final = 1e-4
"""Minimum seconds of pytest's own loop per test. Otherwise all tests that take no time would go to
the shard that is slightly ahead."""

GROUP: Final = "group:"
"""Prefix of the name of the scope for an `xdist_group`."""

_FILE: Final = "file:"
_CHAIN: Final = "dependency:"
_SOFT: Final = ("package:", "param:session:", "param:package:", _FILE)
_WIDER_THAN_FILE: Final = (GROUP, "package:", "param:")
_SLACK: Final = 1 + 1e-9
_WORTH: Final = 0.05
"""Minimum share of a block's seconds that a cut must save. A block that consists of its set-up
alone would take as long in each part."""


@dataclass(frozen=True, slots=True)
class ShardCosts:
    """The cost of a shard in addition to its tests and their set-ups, in seconds."""

    shard_s: float = 0.0
    """Start and collection, equal for all shards."""
    module_s: float = 0.0
    """Cost per file of the shard's tests. 0 if every shard collects, and so imports, all files."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Tests that go to the same shard."""

    name: str
    """The block of the piece, or the node id of a single test."""
    tests: tuple[int, ...]
    """Collection indices."""
    seconds: float
    """Seconds of the tests and of the set-ups that no other piece shares."""
    charges: tuple[str, ...]
    """Names of the set-ups shared with other pieces, each paid once per shard."""
    family: str
    """The block that was cut to get the piece; empty for a piece that was not cut from a block."""


@dataclass(frozen=True, slots=True)
class SplitUnits:
    """A collection in pieces."""

    pieces: tuple[Piece, ...]
    """Pieces in an order that does not depend on the collection order."""
    costs: Mapping[str, float]
    """Seconds by charge."""
    total_s: float
    """Seconds of all tests and set-ups, each counted once."""
    fair_s: float
    """The fair share of each shard in the total, in seconds."""


def cut(
    tests: Sequence[CollectedTest],
    forecasts: Sequence[Forecast],
    setups: Mapping[str, float],
    n_shards: int,
    costs: ShardCosts,
) -> SplitUnits:
    """Return the pieces of a collection for a number of shards; linear except for one sort.

    Args:
        tests: as collected, in any order; the order only distinguishes tests with equal node ids.
        forecasts: one for each test; `duration_s` does not include shared set-up.
        setups: seconds of set-up by block name; blocks without an entry cost none.
        n_shards: number of shards.
        costs: the cost of a shard in addition to its tests.
    """
    seconds = [max(forecast.duration_s, MIN_SECONDS) for forecast in forecasts]
    canonical = sorted(
        range(len(tests)), key=lambda i: (tests[i].nodeid, tests[i].scopes, seconds[i], i)
    )
    laid = _tie_together([tests[index] for index in canonical])
    if costs.module_s > 0:
        laid = [_with_file(test) for test in laid]
        setups = {**setups, **{f"{_FILE}{test.path}": costs.module_s for test in laid}}
    names = {name for test in laid for name in test.scopes}
    paid = {name: setups[name] for name in names if setups.get(name, 0.0) > 0}
    total = sum(seconds[index] for index in canonical) + sum(paid[name] for name in sorted(paid))
    fair = total / n_shards
    knife = _Splitter(laid, canonical, [seconds[index] for index in canonical], paid, fair)
    return SplitUnits(tuple(_folded(knife.pieces(), paid)), paid, total, fair)


@dataclass(frozen=True, slots=True)
class _Splitter:
    laid: Sequence[CollectedTest]
    canonical: Sequence[int]
    """Collection index by position in `laid`."""
    seconds: Sequence[float]
    setups: Mapping[str, float]
    fair: float

    def pieces(self) -> list[Piece]:
        found: list[Piece] = []
        self._walk(lay_out(self.laid).body, found)
        return found

    def _walk(self, block: Block, found: list[Piece]) -> None:
        for member in block.members:
            if isinstance(member, int):
                found.append(self._piece(self.laid[member].nodeid, [member], block.name))
            elif self._is_cut(member):
                self._walk(member, found)
            else:
                found.append(self._piece(member.name, leaves(member), block.name))

    def _is_cut(self, block: Block) -> bool:
        if block.is_rigid or block.name.startswith(GROUP):
            return False
        return block.name.startswith(_SOFT) or self._is_worth_a_cut(block)

    def _is_worth_a_cut(self, block: Block) -> bool:
        seconds = self._seconds_of(block)
        saved = (seconds - self._repeated_seconds(block)) / 2  # in two equal parts
        return seconds > self.fair * _SLACK and saved >= _WORTH * seconds

    def _repeated_seconds(self, block: Block) -> float:
        """Return the seconds that each part of the block pays: its set-up and the outer ones."""
        scopes = self.laid[leaves(block)[0]].scopes
        outer = scopes[: scopes.index(block.name) + 1]
        return sum(self.setups.get(name, 0.0) for name in outer)

    def _seconds_of(self, block: Block) -> float:
        """Return the seconds of the block alone in a shard, with the set-ups of outer scopes."""
        positions = leaves(block)
        names = {name for position in positions for name in self.laid[position].scopes}
        setups = sum(self.setups[name] for name in sorted(names) if name in self.setups)
        return sum(self.seconds[position] for position in positions) + setups

    def _piece(self, name: str, places: Sequence[int], family: str) -> Piece:
        scopes = {scope for place in places for scope in self.laid[place].scopes}
        # Not an intersection, because that would visit the set-ups of the whole suite.
        charges = tuple(sorted([scope for scope in scopes if scope in self.setups]))
        seconds = sum([self.seconds[place] for place in places])
        tests = tuple([self.canonical[place] for place in places])
        return Piece(name, tests, seconds, charges, family)


def _folded(pieces: Sequence[Piece], costs: Mapping[str, float]) -> list[Piece]:
    """Return the pieces; a set-up that only one piece has is added to that piece's own seconds."""
    uses = Counter(charge for piece in pieces for charge in piece.charges)
    folded = []
    for piece in pieces:
        own = [charge for charge in piece.charges if uses[charge] == 1]
        if own:
            shared = tuple(charge for charge in piece.charges if uses[charge] > 1)
            seconds = piece.seconds + sum(costs[charge] for charge in own)
            folded.append(replace(piece, seconds=seconds, charges=shared))
        else:
            folded.append(piece)
    return folded


def _tie_together(tests: Sequence[CollectedTest]) -> list[CollectedTest]:
    """Return the tests with every uncuttable tie turned into a group or a chain of its file."""
    if not any(map(_is_tied, tests)):
        return list(tests)
    joined = _joined_groups(tests)
    return [_tied(test, joined) if _is_tied(test) else test for test in tests]


def _is_tied(test: CollectedTest) -> bool:
    return test.marker is not None or _is_grouped(test)


def _is_grouped(test: CollectedTest) -> bool:
    return bool(test.scopes) and test.scopes[0].startswith(GROUP)


def _ties(test: CollectedTest) -> list[str]:
    ties = [test.scopes[0]] if _is_grouped(test) else []
    return [*ties, f"{_CHAIN}{test.path}"] if test.marker is not None else ties


def _tied(test: CollectedTest, joined: Mapping[str, str]) -> CollectedTest:
    group = joined[_ties(test)[0]]
    if not group.startswith(GROUP):
        return test._replace(marker="dependency")
    scopes = test.scopes[1:] if _is_grouped(test) else test.scopes
    return test._replace(scopes=(group, *scopes), marker=None)


def _joined_groups(tests: Sequence[CollectedTest]) -> dict[str, str]:
    """Return, for each tie, the tie that represents all ties connected with it.

    The representative is a group if one is among them.
    """
    leader: dict[str, str] = {}

    def find(tie: str) -> str:
        while leader.setdefault(tie, tie) != tie:
            tie = leader[tie]
        return tie

    for test in tests:
        ties = [find(tie) for tie in _ties(test)]
        if len(set(ties)) == 2:
            first, second = sorted(ties, key=lambda tie: (not tie.startswith(GROUP), tie))
            leader[second] = first
    return {tie: find(tie) for tie in leader}


def _with_file(test: CollectedTest) -> CollectedTest:
    scopes = test.scopes
    depth = next(
        (at for at, name in enumerate(scopes) if not name.startswith(_WIDER_THAN_FILE)),
        len(scopes),
    )
    return test._replace(scopes=(*scopes[:depth], f"{_FILE}{test.path}", *scopes[depth:]))
