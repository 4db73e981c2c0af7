"""Explain the position of a test in words: the reasons behind its forecast."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from pytest_nexus.forecast.forecaster import ExcusedTests, ModelForecaster
from pytest_nexus.plan.blocks import lay_out
from pytest_nexus.plan.setup_costs import shared_setups

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_nexus.domain.evidence import ExecutedChange
    from pytest_nexus.domain.records import Change, CollectedTest, Plan, PlannedTest
    from pytest_nexus.plan.known_tests import StatsIndex
    from pytest_nexus.plan.make import Forecaster

TOP: Final = 10
"""Number of tests that a session explains."""

Figure = Literal["probability", "score"]
"""`probability` of a model that was calibrated on runs of this project; else `score`."""

_ASSUMED: Final = "its file changed, and it is not known what it executes"
_MOST_REASONS: Final = 3
_LEAST_REASON: Final = 0.05
"""Smallest reason, as a part of the logarithm of the odds. A smaller one makes a failure less than
5 % likelier, and for a test that never failed it would claim a recent failure."""


@dataclass(frozen=True, slots=True)
class Explained:
    """The reasons for a failure of one test."""

    reasons: Sequence[tuple[str, float]] = ()
    """Each reason in words, with its part of the logarithm of the odds; largest first."""
    features: Mapping[str, float] = field(default_factory=dict)
    """Feature values by name."""
    told: str = ""
    """The explanation of a user's forecaster, in place of reasons."""
    figure: Figure = "score"
    """What the forecast's `p_fail` is."""

    def sentences(self, duration_s: float) -> list[str]:
        """Return the reasons as sentences, the last one about the duration."""
        found = [f"{words[0].upper()}{words[1:]}: {part:+.2f}." for words, part in self.reasons]
        if self.told:
            found = [self.told]
        expected = f"It is expected to take {duration_s:.3g} s."
        return [*(found or ["Nothing suggests a failure."]), expected]

    def brief(self) -> str:
        """Return the strongest reasons in one line."""
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
    """Return the reasons for a failure of each planned test in `asked`.

    Args:
        asked: planned tests; their tests are objects of `tests`.
        tests: all planned tests, which are the neighbours.
        index: the statistics of the history.
        change: the change, as git describes it.
        forecaster: the forecaster that made the forecasts.
    """
    model = forecaster.forecaster if isinstance(forecaster, ExcusedTests) else forecaster
    if not isinstance(model, ModelForecaster):
        return [Explained(told=one.forecast.reason) for one in asked]
    from pytest_nexus.predictor.schema import NAMES  # noqa: PLC0415 - where it is asked for

    layout = lay_out(tests)
    columns, _ = model.columns(tests, index, change, shared_setups(tests, index, layout))
    at = {id(test): position for position, test in enumerate(tests)}  # node ids may repeat
    rows = list(zip(*columns, strict=True))
    found = [rows[at[id(one.test)]] for one in asked]
    return [
        Explained(
            _told(model.model.contributions(row), one.test, model.executed.get(one.test.key)),
            dict(zip(NAMES, row, strict=True)),
            figure=_figure(forecaster, one.test),
        )
        for one, row in zip(asked, found, strict=True)
    ]


def _figure(forecaster: Forecaster, test: CollectedTest) -> Figure:
    """Return what a forecast is; that of an excused test only puts the test at the end."""
    if isinstance(forecaster, ExcusedTests):
        return "score" if forecaster.excuses(test) else _figure(forecaster.forecaster, test)
    is_calibrated = isinstance(forecaster, ModelForecaster) and forecaster.is_calibrated
    return "probability" if is_calibrated else "score"


def _told(
    contributions: Sequence[tuple[str, float]],
    test: CollectedTest,
    executed: ExecutedChange | None,
) -> list[tuple[str, float]]:
    """Return the reasons worth a line.

    A test without parameters has no reason about parameters. If a test executes a changed function,
    all reasons about what the test executes are one reason, which names the function.
    """
    from pytest_nexus.predictor.model.terms import OF_EXECUTION, TERMS  # noqa: PLC0415 - where it is asked for

    parts = dict(contributions)
    if executed is None or executed.function:
        by_execution = sum(parts.pop(TERMS[name].words, 0.0) for name in sorted(OF_EXECUTION))
        parts[_ASSUMED if executed is None else _about_execution(executed)] = by_execution
    if str(test.key) == test.function_key:
        of_function = parts.pop(TERMS["function_recent"].words, 0.0)
        own = TERMS["recent"].words
        parts[own] = parts.get(own, 0.0) + of_function
    told = [(words, part) for words, part in parts.items() if abs(part) >= _LEAST_REASON]
    return sorted(told, key=lambda each: -each[1])


def _about_execution(executed: ExecutedChange) -> str:
    """Return the changed function that a test executes, and how many other tests execute it.

    >>> from pytest_nexus.domain.evidence import ExecutedChange
    >>> _about_execution(ExecutedChange(1, 9, 3, 40, True, "src/pkg/a.py::parse"))
    'it executes parse() which changed; 3 other tests do'
    """
    name = executed.function.partition("::")[2].partition("#")[0]
    others = {0: "no other test does", 1: "1 other test does"}
    found = others.get(executed.n_others, f"{executed.n_others:,} other tests do")
    return f"it executes {name}() which changed; {found}"


def top_lines(plan: Plan, index: StatsIndex, change: Change, forecaster: Forecaster) -> list[str]:
    """Return one line for each of the first tests of a plan: its forecast and its reasons."""
    first = [plan.tests[at] for at in plan.order[:TOP]]
    found = explained(first, [one.test for one in plan.tests], index, change, forecaster)
    return [
        f"{rank}. {one.test.nodeid}; {why.figure} {one.forecast.p_fail:.4f},"
        f" {one.forecast.duration_s:.3g} s; {why.brief()}"
        for rank, (one, why) in enumerate(zip(first, found, strict=True), 1)
    ]
