"""Checked by mypy, never run: what stands on the two sides of a seam fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from predictor.schema import Facts
    from pytest_nexus.domain.records import TestStats
    from pytest_nexus.forecast import forecaster as forecast
    from pytest_nexus.plan.make import Forecaster


def forecaster(given: forecast.Forecaster) -> Forecaster:
    """A model forecasts, and so it does where some failures are no news."""
    return given


def facts(stats: TestStats) -> Facts:
    """What the history knows is what the predictor asks for."""
    return stats
