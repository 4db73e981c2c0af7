"""Checked by mypy, never run: what stands on the two sides of a seam fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from predictor import schema

if TYPE_CHECKING:
    from predictor.features.history import CoFailures
    from pytest_nexus.domain.evidence import ChangedAndFailed, ChangedWords, Streaks, TestText
    from pytest_nexus.domain.records import TestStats
    from pytest_nexus.forecast import forecaster as forecast
    from pytest_nexus.plan.make import Forecaster


def forecaster(given: forecast.ModelForecaster) -> Forecaster:
    """A model forecasts, and so it does where some failures are no news."""
    return given


def facts(stats: TestStats) -> schema.Facts:
    """What the history knows is what the predictor asks for."""
    return stats


def streaks(found: Streaks) -> schema.Streaks:
    """Streaks have the fields that the predictor asks for, in its order."""
    return schema.Streaks(*found)


def changed(path: str, n_lines: int, found: ChangedWords) -> schema.FileChange:
    """The words of a change do as well."""
    return schema.FileChange(path, n_lines, *found)


def code(text: TestText) -> schema.TestCode:
    """What a test file says is all that the predictor asks of it, but for the words."""
    return schema.TestCode(text.imports, text.identifiers, text.distances)


def pair(past: CoFailures, run: ChangedAndFailed) -> None:
    """A run adds to the pairs."""
    past.add(*run)
