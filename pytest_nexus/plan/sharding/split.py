"""Divide a collection among shards so that the longest shard is as short as possible."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from math import ceil
from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.records import MAX_SHARDS
from pytest_nexus.plan.sharding.local_search import balance
from pytest_nexus.plan.sharding.pieces import MIN_SECONDS, ShardCosts, cut

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_nexus.domain.records import CollectedTest, Forecast
    from pytest_nexus.plan.sharding.pieces import Piece, SplitUnits

_DEFAULT: Final = ShardCosts()
_SLOTS: Final = 2**64
_NEARLY: Final = 1.02
_SLACK: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Bound:
    """The lower bound of the makespan of every split."""

    seconds: float
    limit: str
    """The test or block that alone takes this long; empty if the total over the shards is the
    bound."""


@dataclass(frozen=True, slots=True)
class Split:
    """A collection divided among shards."""

    shards: tuple[int, ...]
    """Number of the shard, from 1, by collection index."""
    loads_s: tuple[float, ...]
    """Expected seconds of each shard, the first one first."""
    bound: Bound

    @property
    def makespan_s(self) -> float:
        """Return the expected seconds of the longest shard."""
        return max(self.loads_s)

    @property
    def ratio(self) -> float:
        """Return makespan over lower bound; 1 for an empty collection."""
        return self.makespan_s / self.bound.seconds if self.bound.seconds > 0 else 1.0


def split(
    tests: Sequence[CollectedTest],
    forecasts: Sequence[Forecast],
    setups: Mapping[str, float],
    n_shards: int,
    costs: ShardCosts = _DEFAULT,
) -> list[int]:
    """Return the shard of each test, from 1, by collection index; see `divide`."""
    return list(divide(tests, forecasts, setups, n_shards, costs).shards)


def divide(
    tests: Sequence[CollectedTest],
    forecasts: Sequence[Forecast],
    setups: Mapping[str, float],
    n_shards: int,
    costs: ShardCosts = _DEFAULT,
) -> Split:
    """Divide a collection among shards, with the expected seconds of each shard.

    The load of a shard is the sum of the expected seconds of its tests, the set-up of each block
    with a part in the shard, counted once, and the fixed costs of the shard. `pieces` describes
    which tests stay together, `balance` how the load is levelled.

    The same tests in another order get the same shards; tests with the same node id go by their
    order.

    Args:
        tests: as collected.
        forecasts: one for each test.
        setups: seconds of set-up by block name, from `shared_setups`.
        n_shards: from 1 to `MAX_SHARDS`.
        costs: the cost of a shard in addition to its tests.

    Raises:
        ValueError: `n_shards` is out of bounds.
    """
    if not 1 <= n_shards <= MAX_SHARDS:
        raise ValueError(f"n_shards must be from 1 to {MAX_SHARDS}, got {n_shards!r}")
    pieces = cut(tests, forecasts, setups, n_shards, costs)
    bound = _bound(pieces)
    places = balance(pieces, n_shards, bound.seconds)
    shards = [1] * len(tests)
    for piece, place in zip(pieces.pieces, places, strict=True):
        for index in piece.tests:
            shards[index] = place + 1
    lengths = loads(tests, forecasts, setups, shards, costs)
    lengths += (costs.shard_s,) * (n_shards - len(lengths))
    return Split(tuple(shards), lengths, Bound(bound.seconds + costs.shard_s, bound.limit))


def loads(
    tests: Sequence[CollectedTest],
    forecasts: Sequence[Forecast],
    setups: Mapping[str, float],
    shards: Sequence[int],
    costs: ShardCosts = _DEFAULT,
) -> tuple[float, ...]:
    """Return the expected seconds of each shard of a given split, the first one first."""
    seconds = [costs.shard_s] * max(shards, default=1)
    paid: list[set[str]] = [set() for _ in seconds]
    for test, forecast, shard in zip(tests, forecasts, shards, strict=True):
        seconds[shard - 1] += max(forecast.duration_s, MIN_SECONDS)
        for name in (*test.scopes, test.path):
            if name not in paid[shard - 1]:
                paid[shard - 1].add(name)
                cost = costs.module_s if name == test.path else setups.get(name, 0.0)
                seconds[shard - 1] += max(cost, 0.0)
    return tuple(seconds)


def fewest_shards(
    tests: Sequence[CollectedTest],
    forecasts: Sequence[Forecast],
    setups: Mapping[str, float],
    target_s: float,
    max_shards: int,
    costs: ShardCosts = _DEFAULT,
) -> Split:
    """Return the split with the fewest shards that meets a target.

    If not even `max_shards` shards meet the target, return the split with the fewest shards that
    takes at most 2 % longer than `max_shards` shards.
    """
    widest = divide(tests, forecasts, setups, max_shards, costs)
    goal = target_s if widest.makespan_s <= target_s else widest.makespan_s * _NEARLY
    total = divide(tests, forecasts, setups, 1, costs).makespan_s - costs.shard_s
    room = goal - costs.shard_s
    fewest = max(1, ceil(total / room - _SLACK)) if room > 0 else 1
    for n_shards in range(fewest, max_shards):
        found = divide(tests, forecasts, setups, n_shards, costs)
        if found.makespan_s <= goal:
            return found
    return widest


def stable_shard(key: str, n_shards: int) -> int:
    """Return the shard, from 1, of a test or block that no plan knows; the same in every process.

    >>> stable_shard("tests/test_a.py::test_x", 4)
    1
    """
    digest = sha256(key.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") * n_shards // _SLOTS + 1


def _bound(pieces: SplitUnits) -> Bound:
    """Return max(longest piece that cannot be cut, total / N), and the limiting piece.

    A block that could be cut and was not is shorter than total / N.
    """
    longest = max(
        pieces.pieces, key=lambda piece: (_alone(piece, pieces.costs), piece.name), default=None
    )
    if longest is not None and _alone(longest, pieces.costs) > pieces.fair_s:
        return Bound(_alone(longest, pieces.costs), longest.name)
    return Bound(pieces.fair_s, "")


def _alone(piece: Piece, costs: Mapping[str, float]) -> float:
    return piece.seconds + sum(costs[name] for name in piece.charges)
