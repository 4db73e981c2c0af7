"""Compute how much sooner the first failure came than in collection order."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.domain.median import lower_median
from pytest_nexus.domain.records import CollectedTest, FunctionKey, NodeId, TestKey
from pytest_nexus.plan.blocks import lay_out
from pytest_nexus.plan.setup_costs import charge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_nexus.session.timeline import Timeline


class Gain(NamedTuple):
    """Seconds of tests up to the first failure: in the actual order and in collection order."""

    first_failure_s: float
    in_collection_order_s: float
    total_s: float
    """Seconds of all tests that ran."""


class Shared(NamedTuple):
    """Shared set-up of the tests; the first test that runs pays for it."""

    scopes: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    """Shared scopes of each test by node id, outermost first; tests without any are left out."""
    expected_s: Mapping[str, float] = MappingProxyType({})
    """Seconds of set-up by scope, as planned."""


NOTHING_SHARED: Final = Shared()


class _Test(NamedTuple):
    """One test that ran, by its first attempt."""

    nodeid: str
    duration_s: float
    setup_s: float
    is_bad: bool


def gain(
    expected: Mapping[str, float], timeline: Timeline, shared: Shared = NOTHING_SHARED
) -> Gain | None:
    """Return the gain of the order; None if nothing failed.

    Both figures add up the durations measured in this run. A test that did not run, because the
    session stopped at the first failure, counts with its expected duration. In either order, the
    first test of a scope pays for the set-up of the scope.

    Args:
        expected: seconds by node id, without shared set-up, in collection order.
        timeline: the attempts that ran.
        shared: the shared set-up of the tests.
    """
    if not timeline.bad:
        return None
    first = _until_failure(zip(timeline.durations_s, _flags(timeline), strict=True))
    if first is None:
        return None
    collection = _until_failure(_as_collected(expected, timeline, shared))
    total = sum(timeline.durations_s)
    return Gain(first, first if collection is None else collection, total)


def _as_collected(
    expected: Mapping[str, float], timeline: Timeline, shared: Shared
) -> Iterator[tuple[float, bool]]:
    """Yield seconds and failure of each test in collection order, with shared set-ups moved."""
    ran = _first_attempts(timeline)
    session_s = _session_setup(ran, expected, shared)
    paid_s, cost_s = _moved(ran, shared, session_s)
    measured = {test.nodeid: test for test in ran}
    yield session_s, False
    due = dict(cost_s)
    for nodeid, seconds in expected.items():
        setup_s = sum(due.pop(scope, 0.0) for scope in shared.scopes.get(nodeid, ()))
        test = measured.get(nodeid)
        if test is None:
            yield seconds + setup_s, False
        else:
            yield test.duration_s - paid_s.get(nodeid, 0.0) + setup_s, test.is_bad


def _moved(
    ran: Sequence[_Test], shared: Shared, session_s: float
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the seconds that each test paid for others, by node id, and the cost of each scope.

    If at least two tests of a scope ran, its cost is measured: the set-up time of its first test
    minus the set-up time of the typical test. Otherwise the planned cost counts.
    """
    tests = [_described(test.nodeid, shared) for test in ran]
    setups = [test.setup_s for test in ran]
    paid = {ran[0].nodeid: session_s}
    setups[0] -= session_s
    found = charge(tests, setups.__getitem__, lay_out(tests))
    for at, seconds in found.paid_by.items():
        nodeid = ran[at].nodeid
        paid[nodeid] = paid.get(nodeid, 0.0) + seconds
        setups[at] -= seconds
    cost = {**shared.expected_s, **found.by_block}
    for scope, at in _ran_alone(tests).items():
        seconds = min(shared.expected_s.get(scope, 0.0), setups[at])
        setups[at] -= seconds
        paid[ran[at].nodeid] = paid.get(ran[at].nodeid, 0.0) + seconds
        cost[scope] = seconds
    return paid, cost


def _session_setup(ran: Sequence[_Test], expected: Mapping[str, float], shared: Shared) -> float:
    """Return the seconds that the first test spent on fixtures of the whole session.

    Session fixtures belong to no block. Their cost is the smaller of two differences, minus the
    planned set-up of the first test's own blocks. The first difference is the first test's duration
    minus its planned duration. The second is its set-up time minus that of the typical test.
    """
    first = ran[0]
    typical = lower_median(test.setup_s for test in ran)
    late = first.duration_s - expected.get(first.nodeid, first.duration_s)
    own = sum(shared.expected_s.get(scope, 0.0) for scope in shared.scopes.get(first.nodeid, ()))
    return max(0.0, min(first.setup_s - typical, late) - own)


def _ran_alone(tests: Sequence[CollectedTest]) -> dict[str, int]:
    """Return the scopes with exactly one test that ran, each with the position of that test."""
    places: dict[str, list[int]] = {}
    for at, test in enumerate(tests):
        for scope in test.scopes:
            places.setdefault(scope, []).append(at)
    return {scope: found[0] for scope, found in places.items() if len(found) == 1}


def _described(nodeid: str, shared: Shared) -> CollectedTest:
    scopes = shared.scopes.get(nodeid, ())
    return CollectedTest(NodeId(nodeid), TestKey(nodeid), FunctionKey(nodeid), "", scopes)


def _first_attempts(timeline: Timeline) -> list[_Test]:
    found: dict[str, _Test] = {}
    steps = zip(
        timeline.nodeids, timeline.durations_s, timeline.setups_s, _flags(timeline), strict=True
    )
    for step in steps:
        found.setdefault(step[0], _Test(*step))
    return list(found.values())


def _flags(timeline: Timeline) -> Iterator[bool]:
    return (position in timeline.bad for position in range(len(timeline.nodeids)))


def _until_failure(steps: Iterable[tuple[float, bool]]) -> float | None:
    seconds = 0.0
    for duration_s, is_bad in steps:
        seconds += duration_s
        if is_bad:
            return seconds
    return None
