"""The seam to the predictor: who says how likely each test is to fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pytest_nexus.plan import heuristic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.plan.lookup import StatsIndex
    from pytest_nexus.plan.setups import Setups
    from pytest_nexus.records import Change, CollectedTest, Forecast


class Forecaster(Protocol):
    """Says for each test how likely it fails and how long it takes."""

    def __call__(
        self,
        tests: Sequence[CollectedTest],
        index: StatsIndex,
        change: Change,
        setups: Setups | None = None,
        /,
    ) -> list[Forecast]:
        """Return one forecast for each test, in the order given."""
        ...


def load() -> Forecaster:
    """Return the forecaster of this session: the heuristic, until a model is deployed."""
    return heuristic.forecast
