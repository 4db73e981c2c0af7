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
    weights: list[float]
    seconds: list[float]
    """Per test, with the set-up that falls due before it."""
    first: int
    ratio: float


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

    A forecast with a `worth` of its own ranks by that in place of p_fail: a model that was found
    to rank better with less regard to time says so there.

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


def _arrange(block: Block, forecasts: Sequence[Forecast], setups: Mapping[str, float]) -> _Stretch:
    parts = [
        _arrange(member, forecasts, setups)
        if isinstance(member, Block)
        else _single(member, forecasts[member])
        for member in block.members
    ]
    if not block.is_rigid:
        parts.sort(key=lambda part: (-part.ratio, part.first))
    indices = [index for part in parts for index in part.indices]
    if not block.name:
        return _Stretch(indices, [], [], block.first, 0.0)
    weights = [weight for part in parts for weight in part.weights]
    seconds = [second for part in parts for second in part.seconds]
    seconds[0] += setups.get(block.name, 0.0)
    return _Stretch(indices, weights, seconds, block.first, best_prefix_ratio(weights, seconds))


def _single(index: int, forecast: Forecast) -> _Stretch:
    seconds = max(forecast.duration_s, MIN_DURATION_S)
    worth = forecast.p_fail if forecast.worth is None else forecast.worth
    return _Stretch([index], [worth], [seconds], index, worth / seconds)


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
