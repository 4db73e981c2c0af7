"""What the order of a run gained over the order of collection."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_nexus.pipeline import Timeline


class Gain(NamedTuple):
    """When the first failure came, and when it would have come, in seconds of tests."""

    first_failure_s: float
    in_collection_order_s: float
    total_s: float
    """Of all tests that ran."""


def gain(expected: Mapping[str, float], timeline: Timeline) -> Gain | None:
    """Return what the order gained; None when nothing failed.

    Both figures add up the durations measured in this run; what did not run, because the session
    stopped at the first failure, counts with its expected duration.

    Args:
        expected: seconds by node id, in the order of collection.
        timeline: what ran.
    """
    if not timeline.bad:
        return None
    executed = list(zip(timeline.durations_s, _flags(timeline), strict=True))
    first = _until_failure(executed)
    if first is None:
        return None
    measured = dict(zip(reversed(timeline.nodeids), reversed(executed), strict=True))
    collection = _until_failure(
        measured.get(nodeid, (seconds, False)) for nodeid, seconds in expected.items()
    )
    total = sum(timeline.durations_s)
    return Gain(first, first if collection is None else collection, total)


def _flags(timeline: Timeline) -> Iterator[bool]:
    return (position in timeline.bad for position in range(len(timeline.nodeids)))


def _until_failure(steps: Iterable[tuple[float, bool]]) -> float | None:
    seconds = 0.0
    for duration_s, is_bad in steps:
        seconds += duration_s
        if is_bad:
            return seconds
    return None
