"""Score changes by how likely the model says that each breaks one test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.identity import function_of_key
from pytest_nexus.domain.records import CollectedTest, NodeId
from pytest_nexus.forecast.forecaster import load
from pytest_nexus.plan.known_tests import StatsIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_nexus.domain.records import Change, TestKey
    from pytest_nexus.history.store import History

MOST_SCORED: Final = 1000
"""More changes take seconds; then all of them count equally."""


def score_changes(
    history: History, key: TestKey, changes: Sequence[Change], lose: Callable[[str], None]
) -> list[float]:
    """Return the forecast failure of one test for each change; all equal without a model.

    Only the changed files count here; the texts of past changes are not read.

    Args:
        history: with the model and the statistics.
        key: of the test.
        changes: in any order.
        lose: receives one sentence about a missing part.
    """
    if len(changes) > MOST_SCORED:
        return [1.0] * len(changes)
    model = load(history.deployed_model(), None, history.cofailures(), lose)
    if model is None:
        return [1.0] * len(changes)
    test = CollectedTest(NodeId(key), key, function_of_key(key), key.partition("::")[0])
    stats = history.stats()
    return [model([test], StatsIndex(stats, each.renames), each)[0].p_fail for each in changes]
