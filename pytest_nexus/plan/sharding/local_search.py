"""Spread pieces over shards: longest first, then moves and swaps while these improve the split."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from heapq import heapify, heappop, heappush, heapreplace
from itertools import groupby
from math import inf
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_nexus.plan.sharding.pieces import Piece, SplitUnits

_MIN_GAIN: Final = 1e-4
"""Minimum gain as a share of the lower bound; smaller gains are far below the error of
durations."""

_STEPS_PER_SHARD: Final = 25
_NEIGHBOURS: Final = 3
"""Number of pieces tried on either side of the ideal size: set-ups shift the ideal a little."""

_SWAPS: Final = 64
"""Number of pieces of the longest shard tried in a swap."""

_TRADED: Final = 8
"""Number of the largest pieces of the longest shard tried in a trade."""

_POOR: Final = 0.25
"""A move that gains less than this share of the gap between two shards leads to a bulk move."""


def balance(cut: SplitUnits, n_shards: int, bound_s: float) -> list[int]:
    """Return the shard of each piece, from 0.

    Longest processing time first (R. L. Graham, Bounds on multiprocessing timing anomalies, 1969),
    by the size of whole families. The pieces of one cut block fill a shard up to the bound before
    they continue in the next shard, so that few shards pay for shared set-ups. Then the longest
    shard gives a piece away, or swaps a piece, as long as that shortens the shard.

    Deterministic; ties go by the order of the pieces, then to the lowest shard.
    """
    shards = Shards(cut.pieces, cut.costs, n_shards)
    _fill(shards, bound_s)
    for _ in range(_STEPS_PER_SHARD * n_shards):
        if not _improve(shards, bound_s):
            break
    return shards.of_pieces()


class Shards:
    """A split during construction."""

    def __init__(self, pieces: Sequence[Piece], costs: Mapping[str, float], n_shards: int) -> None:
        self.pieces = pieces
        self.costs = costs
        self.loads = [0.0] * n_shards
        self.members: list[list[tuple[float, int]]] = [[] for _ in range(n_shards)]
        """Seconds and number of each piece in a shard, ascending."""
        self._counts: list[Counter[str]] = [Counter() for _ in range(n_shards)]

    def added(self, piece: int, shard: int) -> float:
        """Return the seconds that a piece would add to a shard."""
        chosen = self.pieces[piece]
        if not chosen.charges:
            return chosen.seconds
        counts, costs = self._counts[shard], self.costs
        return chosen.seconds + sum(costs[name] for name in chosen.charges if not counts[name])

    def freed(self, piece: int, shard: int) -> float:
        """Return the seconds that a shard would lose without one of its pieces."""
        chosen = self.pieces[piece]
        if not chosen.charges:
            return chosen.seconds
        counts, costs = self._counts[shard], self.costs
        return chosen.seconds + sum(costs[name] for name in chosen.charges if counts[name] == 1)

    def put(self, piece: int, shard: int) -> None:
        """Add a piece to a shard."""
        self.loads[shard] += self.added(piece, shard)
        chosen = self.pieces[piece]
        insort(self.members[shard], (chosen.seconds, piece))
        for name in chosen.charges:
            self._counts[shard][name] += 1

    def take(self, piece: int, shard: int) -> None:
        """Take a piece out of its shard."""
        self.loads[shard] -= self.freed(piece, shard)
        chosen = self.pieces[piece]
        members = self.members[shard]
        del members[bisect_left(members, (chosen.seconds, piece))]
        for name in chosen.charges:
            self._counts[shard][name] -= 1

    def of_pieces(self) -> list[int]:
        """Return the shard of each piece."""
        found = [0] * len(self.pieces)
        for shard, members in enumerate(self.members):
            for _, piece in members:
                found[piece] = shard
        return found


def _fill(shards: Shards, bound_s: float) -> None:
    """Assign all pieces, the largest families first."""
    pieces = shards.pieces
    numbers = sorted(range(len(pieces)), key=lambda n: (pieces[n].family, -pieces[n].seconds, n))
    units: list[list[int]] = []
    for family, members in groupby(numbers, key=lambda n: pieces[n].family):
        unit = list(members)
        units += [unit] if family else [[number] for number in unit]
    units.sort(key=lambda unit: (-sum([pieces[number].seconds for number in unit]), unit[0]))
    shortest = [(0.0, shard) for shard in range(len(shards.loads))]
    for unit in units:
        if len(unit) > 1 or pieces[unit[0]].charges:
            _fill_with_family(shards, unit, bound_s)
            shortest = [(load, shard) for shard, load in enumerate(shards.loads)]
            heapify(shortest)
        else:
            shard = shortest[0][1]
            shards.put(unit[0], shard)
            heapreplace(shortest, (shards.loads[shard], shard))


def _fill_with_family(shards: Shards, unit: Sequence[int], bound_s: float) -> None:
    """Assign the pieces of one cut block; open another shard only when the open ones are full.

    The set-ups of the first piece decide which shard is the cheapest to open.
    """
    loads = shards.loads
    closed = [(load + shards.added(unit[0], shard), shard) for shard, load in enumerate(loads)]
    heapify(closed)
    opened: list[tuple[float, int]] = []
    for piece in unit:
        here = _length_with(shards, piece, opened)
        stays = here <= bound_s * (1 + _MIN_GAIN) or here <= _length_with(shards, piece, closed)
        shard = heappop(opened if opened and stays else closed)[1]
        shards.put(piece, shard)
        heappush(opened, (loads[shard], shard))


def _length_with(shards: Shards, piece: int, heap: Sequence[tuple[float, int]]) -> float:
    """Return the length of the first shard of a heap with one more piece."""
    if not heap:
        return inf
    shard = heap[0][1]
    return shards.loads[shard] + shards.added(piece, shard)


def _improve(shards: Shards, bound_s: float) -> bool:
    """Shorten the longest shard once; return whether that was possible."""
    loads = shards.loads
    order = sorted(range(len(loads)), key=lambda shard: (loads[shard], shard))
    longest = order.pop()
    min_gain = _MIN_GAIN * bound_s
    if loads[longest] <= bound_s + min_gain:
        return False
    # Shards of equal length have something to exchange only if pieces share set-ups.
    others = [o for o in order if shards.costs or loads[longest] - loads[o] > min_gain]
    return any(
        way(shards, longest, other, min_gain) for way in (_exchange, _trade) for other in others
    )


def _exchange(shards: Shards, longest: int, other: int, min_gain: float) -> bool:
    before, gap = shards.loads[longest], shards.loads[longest] - shards.loads[other]
    found = [*_moves(shards, longest, other, gap), *_swaps(shards, longest, other, gap)]
    after, piece, back = min(found, default=(before, -1, -1))
    is_poor = after > before - _POOR * gap
    if is_poor and _move_many(shards, longest, other, min(after, before - min_gain)):
        return True
    if after >= before - min_gain:
        return False
    shards.take(piece, longest)
    if back >= 0:
        shards.take(back, other)
        shards.put(back, longest)
    shards.put(piece, other)
    return True


def _trade(shards: Shards, longest: int, other: int, min_gain: float) -> bool:
    """Exchange one large piece for pieces of one family of about the same total size."""
    below_s = shards.loads[longest] - min_gain
    for _, piece in shards.members[longest][-_TRADED:]:
        shards.take(piece, longest)
        shards.put(piece, other)
        if shards.loads[other] > shards.loads[longest] and _move_many(
            shards, other, longest, below_s
        ):
            return True
        shards.take(piece, other)
        shards.put(piece, longest)
    return False


def _moves(shards: Shards, longest: int, other: int, gap: float) -> list[tuple[float, int, int]]:
    """Return the seconds of the longer of two shards after each move, with the piece, and -1."""
    loads = shards.loads
    return [
        (
            max(
                loads[longest] - shards.freed(piece, longest),
                loads[other] + shards.added(piece, other),
            ),
            piece,
            -1,
        )
        for _, piece in _near(shards.members[longest], gap / 2)
    ]


def _swaps(shards: Shards, longest: int, other: int, gap: float) -> list[tuple[float, int, int]]:
    """Return the seconds of the longer shard after each swap, with the piece and its counterpart.

    Set-ups that both pieces share are counted as if they did not share them: too long, never too
    short.
    """
    loads = shards.loads
    found: list[tuple[float, int, int]] = []
    members = shards.members[longest]
    for seconds, piece in members[:: max(1, len(members) // _SWAPS)]:
        for _, back in _near(shards.members[other], seconds - gap / 2):
            long = loads[longest] - shards.freed(piece, longest) + shards.added(back, longest)
            short = loads[other] - shards.freed(back, other) + shards.added(piece, other)
            found.append((max(long, short), piece, back))
    return found


def _move_many(shards: Shards, longest: int, other: int, below_s: float) -> bool:
    """Move pieces of one family worth half the gap; return whether both end below a length."""
    members = sorted(
        shards.members[longest], key=lambda member: (shards.pieces[member[1]].family, -member[0])
    )
    for _, group in groupby(members, key=lambda member: shards.pieces[member[1]].family):
        family = [piece for _, piece in group]
        moved = _move_half(shards, family, longest, other)
        if max(shards.loads[longest], shards.loads[other]) < below_s:
            return True
        for piece in moved:
            shards.take(piece, other)
            shards.put(piece, longest)
    return False


def _move_half(shards: Shards, family: Sequence[int], longest: int, other: int) -> list[int]:
    loads = shards.loads
    moved: list[int] = []
    for piece in family:
        freed, added = shards.freed(piece, longest), shards.added(piece, other)
        if not moved or loads[other] + added <= loads[longest] - freed:
            shards.take(piece, longest)
            shards.put(piece, other)
            moved.append(piece)
    return moved


def _near(members: Sequence[tuple[float, int]], seconds: float) -> Sequence[tuple[float, int]]:
    at = bisect_left(members, (seconds, -1))
    return members[max(0, at - _NEIGHBOURS) : at + _NEIGHBOURS]
