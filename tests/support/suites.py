"""Builders of collections and forecasts for tests of plans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.domain.identity import function_of_key, key_of_nodeid
from pytest_nexus.domain.records import CollectedTest, Forecast, Marker, NodeId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.domain.records import Change
    from pytest_nexus.plan.known_tests import StatsIndex
    from pytest_nexus.plan.setup_costs import Setups


def collected(nodeid: str, *scopes: str, marker: Marker | None = None) -> CollectedTest:
    key = key_of_nodeid(nodeid)
    return CollectedTest(
        nodeid=NodeId(nodeid),
        key=key,
        function_key=function_of_key(key),
        path=nodeid.partition("::")[0],
        scopes=scopes,
        marker=marker,
    )


def in_module(nodeid: str, marker: Marker | None = None) -> CollectedTest:
    return collected(nodeid, f"module:{nodeid.partition('::')[0]}", marker=marker)


def in_class(nodeid: str) -> CollectedTest:
    path, name, _ = nodeid.split("::")
    return collected(nodeid, f"module:{path}", f"class:{path}::{name}")


def in_group(nodeid: str, group: str, *scopes: str, marker: Marker | None = None) -> CollectedTest:
    return collected(nodeid, f"group:{group}", *scopes, marker=marker)


def lasting(*seconds: float) -> list[Forecast]:
    return [Forecast(p_fail=0.01, duration_s=one) for one in seconds]


def by_failure_rate(
    tests: Sequence[CollectedTest],
    index: StatsIndex,
    change: Change,
    setups: Setups | None = None,
) -> list[Forecast]:
    """A forecaster whose answers a test can foresee: what failed lately is likely to fail."""
    found = [index.find(test)[0] for test in tests]
    return [
        Forecast(0.001 + (stats.rate_2 / 2 if stats else 0.0), index.duration_of(stats, test))
        for test, stats in zip(tests, found, strict=True)
    ]
