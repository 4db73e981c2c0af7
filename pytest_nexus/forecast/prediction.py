"""Reduce the plan of a session to the figures that its journal keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.forecast.forecaster import ExcusedTests, ModelForecaster
from pytest_nexus.plan.foreseen import OTHER, Foreseen, Prediction

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_nexus.domain.records import PlannedTest, TestKey, TestStats
    from pytest_nexus.plan.make import Forecaster


def prediction_of(
    tests: Iterable[PlannedTest], stats: Mapping[TestKey, TestStats], forecaster: Forecaster
) -> Prediction:
    """Return what a session foresaw.

    Args:
        tests: the planned tests of this session, and those that are left out.
        stats: the statistics before this run.
        forecaster: made the forecasts.
    """
    model = forecaster.forecaster if isinstance(forecaster, ExcusedTests) else forecaster
    if not isinstance(model, ModelForecaster):
        return Prediction(OTHER, list(_foreseen(tests, stats)))
    return Prediction(model.version, list(_foreseen(tests, stats)), model.summary, model.use)


def _foreseen(
    tests: Iterable[PlannedTest], stats: Mapping[TestKey, TestStats]
) -> Iterator[Foreseen]:
    for one in tests:
        key, forecast = one.test.key, one.forecast
        is_left = one.verdict.action != "run"
        known = stats.get(key)
        if known is None or not known.failures:
            yield Foreseen(key, forecast.p_fail, forecast.duration_s, None, 0.0, is_left)
        else:
            since, rate = known.runs_since_failure, known.rate_2
            yield Foreseen(key, forecast.p_fail, forecast.duration_s, since, rate, is_left)
