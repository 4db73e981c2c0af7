"""Checked by mypy, never run: what stands on the two sides of a seam fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.plan import heuristic

if TYPE_CHECKING:
    from predictor.schema import Facts
    from pytest_nexus.domain.records import TestStats
    from pytest_nexus.forecast.forecaster import Forecaster, ModelForecaster

HEURISTIC: Forecaster = heuristic.forecast


def model(forecaster: ModelForecaster) -> Forecaster:
    """A model forecasts."""
    return forecaster


def facts(stats: TestStats) -> Facts:
    """What the history knows is what the predictor asks for."""
    return stats
