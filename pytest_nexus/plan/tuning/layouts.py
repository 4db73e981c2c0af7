"""Divide the tests among shards by what was known before the rounds that are simulated."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.median import lower_median
from pytest_nexus.domain.records import CollectedTest, Forecast, NodeId
from pytest_nexus.plan.known_tests import UNKNOWN_DURATION_S
from pytest_nexus.plan.sharding.split import divide

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_nexus.plan.tuning.rounds import Round

REMEMBERED: Final = 7
"""Runs whose median is the expected duration of a test, as in a session."""

MOST_LAYOUTS: Final = 12
"""How often the tests are divided again within a history; sessions divide before each run."""

_NEARLY: Final = 1.02


class Layout(NamedTuple):
    """The shards of every test, for each number of shards."""

    shard_of: Mapping[int, Mapping[int, int]]
    """By number of shards: the shard of each test, from 0."""
    planned_s: Mapping[int, float]
    """By number of shards: expected seconds of the longest shard."""

    def auto(self, target_s: float, max_shards: int) -> int:
        """Return the fewest shards that meet a target; see `sharding.split.fewest_shards`.

        Args:
            target_s: seconds that the tests of a shard may take.
            max_shards: no more shards than these.
        """
        counts = [each for each in sorted(self.planned_s) if each <= max_shards]
        widest_s = self.planned_s[counts[-1]]
        goal_s = target_s if widest_s <= target_s else widest_s * _NEARLY
        return next(each for each in counts if self.planned_s[each] <= goal_s)


def layouts(
    rounds: Sequence[Round], counts: Sequence[int], names: Mapping[int, str]
) -> Iterator[Layout]:
    """Yield the layout of each round, made of the rounds before it.

    The tests are divided again for each round of a short history, and up to `MOST_LAYOUTS` times
    in a long one. The first round has no round before it, and is divided by its own seconds.

    Args:
        rounds: in time order.
        counts: the numbers of shards.
        names: node id of each test.
    """
    every = max(1, len(rounds) // MOST_LAYOUTS)
    known: dict[int, deque[float]] = {}
    layout: Layout | None = None
    for number, each in enumerate(rounds):
        if layout is None:
            _learn(known, each)
        if layout is None or number % every == 0:
            layout = _divided(known, counts, names)
        yield layout
        if number:
            _learn(known, each)


def _learn(known: dict[int, deque[float]], each: Round) -> None:
    for test, seconds in zip(each.tests, each.seconds, strict=True):
        if test not in known:
            known[test] = deque(maxlen=REMEMBERED)
        known[test].append(seconds)


def _divided(
    known: Mapping[int, Sequence[float]], counts: Sequence[int], names: Mapping[int, str]
) -> Layout:
    numbers = sorted(known)
    tests = [_collected(names[number]) for number in numbers]
    forecasts = [Forecast(0.01, lower_median(known[number])) for number in numbers]
    shard_of, planned_s = {}, {}
    for count in counts:
        found = divide(tests, forecasts, {}, count)
        shard_of[count] = dict(zip(numbers, (at - 1 for at in found.shards), strict=True))
        planned_s[count] = found.makespan_s or UNKNOWN_DURATION_S
    return Layout(shard_of, planned_s)


def _collected(name: str) -> CollectedTest:
    return CollectedTest(NodeId(name), name, name, name.partition("::")[0])  # type: ignore[arg-type] # only names
