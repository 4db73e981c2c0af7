"""The order in which the next failure is expected soonest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.plan.blocks import Block, fixed_ends, lay_out

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pytest_nexus.plan.blocks import Layout
    from pytest_nexus.records import CollectedTest, Forecast

MIN_DURATION_S: Final = 1e-3
"""What pytest itself costs per test, in no phase of it; below, durations are mostly noise."""


class _Stretch(NamedTuple):
    """Tests that run in a row, as one job of the schedule."""

    indices: list[int]
    gains: list[float]
    seconds: list[float]
    """Per test, with the set-up that falls due before it."""
    first: int
    rank: float
    """The higher, the earlier."""


def order(
    tests: Sequence[CollectedTest],
    forecasts: Sequence[Forecast],
    setups: Mapping[str, float],
    layout: Layout | None = None,
) -> list[int]:
    """Return the collection indices in the order of execution.

    Smith's rule (W. E. Smith, Various optimizers for single-stage production, 1956): descending
    p_fail / duration_s, which minimises the sum of p_fail * completion time. A block ranks with
    the best ratio of any of its beginnings, its set-up charged (J. B. Sidney, Decomposition
    algorithms for single-machine sequencing, 1975): as soon as a test has failed, what stands
    behind it in the block costs nothing any more. Inside a block the same rule holds.

    A model may have a gain of its own in place of p_fail, and less regard to time than Smith: see
    `best_prefix_rank`, which ranks single tests and blocks alike.

    Ties keep the order of the collection. Costs O(n log n) for n tests.

    Args:
        tests: as collected.
        forecasts: one for each test.
        setups: seconds of set-up by block name; blocks that are not named cost none.
        layout: `lay_out(tests)`, if it is at hand.
    """
    layout = lay_out(tests) if layout is None else layout
    body = _arrange(layout.body, forecasts, setups)
    return [*layout.prefix, *body.indices, *layout.suffix]


def cold_order(tests: Sequence[CollectedTest], changed_paths: Collection[str]) -> list[int]:
    """Return the order for a suite without history: changed test files first, the rest untouched.

    Nothing is known that could improve on the author's order. A block that spans several files
    comes along whole, so that no fixture is set up twice; marked tests stay where they are, see
    `pytest_nexus.plan.blocks`.
    """
    start, end = fixed_ends(tests)
    wide = _anchors_of_wide_blocks(tests, changed_paths)

    def position(index: int) -> tuple[int, int, bool, int]:
        test = tests[index]
        if not start <= index < end:
            return (0 if index < start else 3, 0, False, index)
        is_changed = test.path in changed_paths
        anchor = wide.get(test.scopes[0]) if test.scopes else None
        if test.marker == "order" or not (is_changed or anchor is not None):
            return (2, 0, False, index)
        return (1, index if anchor is None else anchor, not is_changed, index)

    return sorted(range(len(tests)), key=position)


def best_prefix_ratio(weights: Sequence[float], seconds: Sequence[float]) -> float:
    """Return max over k of sum(weights[:k]) / sum(seconds[:k]).

    >>> best_prefix_ratio([0.1, 0.9, 0.0], [1.0, 1.0, 8.0])
    0.5
    """
    best = weight = second = 0.0
    for more_weight, more_seconds in zip(weights, seconds, strict=True):
        weight += more_weight
        second += more_seconds
        best = max(best, weight / second)
    return best


def best_prefix_rank(gains: Sequence[float], seconds: Sequence[float], thrift: float) -> float:
    """Return the rank of a block: gain / seconds ** thrift, by the best of its beginnings.

    A single test of gain g and s seconds ranks with g / s ** thrift. Its place among single tests
    is that of g ** (1 / thrift) / s, which is Smith's rule for other weights. Sidney's rule for
    those weights gives the rank of a block. So a set-up of t seconds lowers a test behind it to
    g / (t + s) ** thrift, and a block without set-up never ranks above the best of its tests.
    With a thrift of 1 this is `best_prefix_ratio`; with 0 time does not count.

    >>> best_prefix_rank([0.1, 0.9, 0.0], [1.0, 1.0, 8.0], thrift=1.0)
    0.5
    >>> best_prefix_rank([0.5], [4.0], thrift=0.5)
    0.25
    >>> best_prefix_rank([0.1, 0.9, 0.0], [1.0, 1.0, 8.0], thrift=0.0)
    0.9
    """
    top = max(gains)
    if top <= 0.0 or thrift == 0.0:
        return top
    if thrift == 1.0:
        return best_prefix_ratio(gains, seconds)
    # In proportion to the highest gain: a power of a small number would become 0.
    weights = [(gain / top) ** (1 / thrift) for gain in gains]
    rank: float = top * best_prefix_ratio(weights, seconds) ** thrift
    return rank


def _arrange(block: Block, forecasts: Sequence[Forecast], setups: Mapping[str, float]) -> _Stretch:
    parts = [
        _arrange(member, forecasts, setups)
        if isinstance(member, Block)
        else _single(member, forecasts[member])
        for member in block.members
    ]
    if not block.is_rigid:
        parts.sort(key=lambda part: (-part.rank, part.first))
    indices = [index for part in parts for index in part.indices]
    if not block.name:
        return _Stretch(indices, [], [], block.first, 0.0)
    gains = [gain for part in parts for gain in part.gains]
    seconds = [second for part in parts for second in part.seconds]
    seconds[0] += setups.get(block.name, 0.0)
    rank = best_prefix_rank(gains, seconds, forecasts[block.first].thrift)
    return _Stretch(indices, gains, seconds, block.first, rank)


def _single(index: int, forecast: Forecast) -> _Stretch:
    seconds = max(forecast.duration_s, MIN_DURATION_S)
    gain = forecast.p_fail if forecast.gain is None else forecast.gain
    return _Stretch([index], [gain], [seconds], index, gain / seconds**forecast.thrift)


def _anchors_of_wide_blocks(
    tests: Sequence[CollectedTest], changed_paths: Collection[str]
) -> dict[str, int]:
    """Return the first changed test of each outermost block that has one and spans files."""
    paths: dict[str, str] = {}
    wide: set[str] = set()
    anchors: dict[str, int] = {}
    for index, test in enumerate(tests):
        if test.scopes:
            scope = test.scopes[0]
            if paths.setdefault(scope, test.path) != test.path:
                wide.add(scope)
            if test.path in changed_paths:
                anchors.setdefault(scope, index)
    return {scope: index for scope, index in anchors.items() if scope in wide}
