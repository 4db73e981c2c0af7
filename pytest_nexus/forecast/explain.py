"""Why a test stands where it stands, in words: what a forecast is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pytest_nexus.forecast.forecaster import ExcusedTests, ModelForecaster
from pytest_nexus.plan.blocks import lay_out
from pytest_nexus.plan.setup_costs import shared_setups

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_nexus.domain.records import Change, CollectedTest, Plan, PlannedTest
    from pytest_nexus.plan.known_tests import StatsIndex
    from pytest_nexus.plan.make import Forecaster

TOP: Final = 10
"""Tests that a session explains."""

_MOST_REASONS: Final = 3
_LEAST_REASON: Final = 0.05
"""Of the logarithm of the odds: what adds less makes a failure less than 5 % likelier, and of a
test that never failed it would say that it did so lately."""


@dataclass(frozen=True, slots=True)
class Explained:
    """What speaks for a failure of one test."""

    reasons: Sequence[tuple[str, float]] = ()
    """In words, with what each adds to the logarithm of the odds, largest first."""
    features: Mapping[str, float] = field(default_factory=dict)
    """By name."""
    told: str = ""
    """What a forecaster of the user says in place of reasons."""

    def sentences(self, duration_s: float) -> list[str]:
        """Return the reasons as sentences, the last one about the duration."""
        found = [f"{words[0].upper()}{words[1:]}: {part:+.2f}." for words, part in self.reasons]
        if self.told:
            found = [self.told]
        expected = f"It is expected to take {duration_s:.3g} s."
        return [*(found or ["Nothing suggests a failure."]), expected]

    def brief(self) -> str:
        """Return the weightiest reasons in one line."""
        return self.told or (
            ", ".join(words for words, _ in self.reasons[:_MOST_REASONS])
            or "nothing suggests a failure"
        )


def explained(
    asked: Sequence[PlannedTest],
    tests: Sequence[CollectedTest],
    index: StatsIndex,
    change: Change,
    forecaster: Forecaster,
) -> list[Explained]:
    """Return what speaks for a failure of each planned test asked for.

    Args:
        asked: of the plan of `tests`, whose tests are objects among `tests`.
        tests: all that were planned, which are the neighbours.
        index: what the history knows of them.
        change: what git says.
        forecaster: who made the forecasts.
    """
    model = forecaster.forecaster if isinstance(forecaster, ExcusedTests) else forecaster
    if not isinstance(model, ModelForecaster):
        return [Explained(told=one.forecast.reason) for one in asked]
    from pytest_nexus.predictor.schema import NAMES  # noqa: PLC0415 - where it is asked for

    layout = lay_out(tests)
    rows, _ = model.rows(tests, index, change, shared_setups(tests, index, layout))
    at = {id(test): position for position, test in enumerate(tests)}  # several have one node id
    found = [rows[at[id(one.test)]] for one in asked]
    return [
        Explained(
            _told(model.model.contributions(row), one.test),
            dict(zip(NAMES, row, strict=True)),
        )
        for one, row in zip(asked, found, strict=True)
    ]


def _told(
    contributions: Sequence[tuple[str, float]], test: CollectedTest
) -> list[tuple[str, float]]:
    """Return the reasons worth a line; a test without parameters has none about others of them."""
    from pytest_nexus.predictor.model.terms import TERMS  # noqa: PLC0415 - where it is asked for

    parts = dict(contributions)
    if str(test.key) == test.function_key:
        of_function = parts.pop(TERMS["function_recent"].words, 0.0)
        own = TERMS["recent"].words
        parts[own] = parts.get(own, 0.0) + of_function
    told = [(words, part) for words, part in parts.items() if abs(part) >= _LEAST_REASON]
    return sorted(told, key=lambda each: -each[1])


def top_lines(plan: Plan, index: StatsIndex, change: Change, forecaster: Forecaster) -> list[str]:
    """Return a line for each of the first tests of a plan: its forecast, and what it is made of."""
    first = [plan.tests[at] for at in plan.order[:TOP]]
    found = explained(first, [one.test for one in plan.tests], index, change, forecaster)
    return [
        f"{rank}. {one.test.nodeid}; score {one.forecast.p_fail:.4f},"
        f" {one.forecast.duration_s:.3g} s; {why.brief()}"
        for rank, (one, why) in enumerate(zip(first, found, strict=True), 1)
    ]
