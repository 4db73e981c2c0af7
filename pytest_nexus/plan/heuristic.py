"""How likely each test is to fail, from its history and from the paths that git says changed.

Each piece of evidence multiplies the odds of a failure, as if they were independent of each other:

    odds = (BASE + odds of its own record) * youth * nearness to the change

A product, because evidence supports itself: a test that failed before *and* whose name shares the
words of the change is far likelier to fail than either alone. The factors are set by hand and are
round, nearly all of them "ten times": the order hardly depends on their size as long as strong
evidence outranks weak.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.domain.records import Forecast
from pytest_nexus.plan.blocks import lay_out
from pytest_nexus.plan.proximity import Proximity
from pytest_nexus.plan.setup_costs import shared_setups

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.domain.records import Change, CollectedTest, TestStats
    from pytest_nexus.plan.known_tests import Found, StatsIndex
    from pytest_nexus.plan.setup_costs import Setups

BASE: Final = 0.001
"""Odds of a failure that nothing announces. Without a floor, the order of tests that never failed
would be decided by differences between numbers near 0, and fast tests would crowd out likely
failures."""

YOUTH: Final = 10.0
"""A test that never ran has not yet shown that it can pass; its runs since share the suspicion."""

_RATES: Final = (0.4, 0.3, 0.3)
"""Weights of the rates with half-lives of 2, 8 and 32 runs: a failure that lasts comes first, one
that keeps coming back is not forgotten."""

_MAX_RATE: Final = 0.95
"""A test that always failed may have been mended: its odds stay finite."""

_FLAKE_DISCOUNT: Final = 0.5
"""A test all of whose failures were flakes tells half as much by failing."""


def forecast(
    tests: Sequence[CollectedTest],
    index: StatsIndex,
    change: Change,
    setups: Setups | None = None,
) -> list[Forecast]:
    """Return one forecast for each test; `reason` is left empty, see `explain`.

    Linear in the number of tests. `p_fail` is above 0 and below 1 for each.

    Args:
        tests: as collected.
        index: what the history knows.
        change: what git says changed.
        setups: `shared_setups` of the tests, if it is at hand.
    """
    if setups is None:
        setups = shared_setups(tests, index, lay_out(tests))
    proximity = Proximity(tests, change)
    forecasts = []
    for position, test in enumerate(tests):
        stats, _ = index.find(test)
        odds = (BASE + record_odds(stats)) * youth_factor(stats) * proximity.factor(test)
        seconds = index.duration_of(stats, test) - setups.paid_by.get(position, 0.0)
        forecasts.append(Forecast(odds / (1 + odds), max(seconds, 0.0)))
    return forecasts


def record_odds(stats: TestStats | None) -> float:
    """Return the odds of a failure that the outcomes so far speak of; 0 if it never failed.

    rate / (1 - rate), with the mean of the three failure rates, discounted by the share of its
    failures that were flakes.

    >>> record_odds(None)
    0.0
    """
    if stats is None or stats.failures == 0:
        return 0.0
    short, middle, long = _RATES
    rate = short * stats.rate_2 + middle * stats.rate_8 + long * stats.rate_32
    flaky_share = min(1.0, stats.flakes / stats.failures)
    rate = min(rate * (1 - _FLAKE_DISCOUNT * flaky_share), _MAX_RATE)
    return rate / (1 - rate)


def youth_factor(stats: TestStats | None) -> float:
    """Return how much likelier a test fails for having run so little: 1 + (YOUTH - 1) / (1 + runs).

    >>> youth_factor(None)
    10.0
    """
    return 1 + (YOUTH - 1) / (1 + (stats.runs if stats is not None else 0))


def explain(
    test: CollectedTest,
    index: StatsIndex,
    change: Change,
    tests: Sequence[CollectedTest] = (),
) -> list[str]:
    """Return the sentences behind the forecast of one test, the figures in them.

    Args:
        test: the test asked about.
        index: what the history knows.
        change: what git says changed.
        tests: the whole collection, by which a shared word counts as rare or common; without it
            all words count the same.
    """
    stats, found = index.find(test)
    proximity = Proximity(tests or (test,), change)
    return [
        *_on_source(stats, found),
        *_on_record(stats),
        *proximity.explain(test),
        f"It is expected to take {index.expected_duration(test):.3g} s.",
    ]


def _on_source(stats: TestStats | None, found: Found) -> list[str]:
    if stats is None:
        return [f"It has never run: {YOUTH:.0f} times the odds of a test that has."]
    how = {
        "exact": "Its own history counts",
        "renamed": "Its history from before its file was renamed counts",
        "function": "These parameters are new, the history of its function counts",
        "unknown": "",
    }[found]
    runs = f"{stats.runs} run{'' if stats.runs == 1 else 's'}"
    return [f"{how}: {runs}; for its youth {youth_factor(stats):.2g} times the odds."]


def _on_record(stats: TestStats | None) -> list[str]:
    if stats is None or stats.failures == 0:
        return [f"It has not failed yet: odds start at {BASE:g}."]
    ago = stats.runs_since_failure
    when = "in its last run" if not ago else f"{ago} run{'' if ago == 1 else 's'} before its last"
    sentence = (
        f"It failed in {stats.failures} of {stats.runs} runs, most recently {when}: "
        f"odds start at {BASE + record_odds(stats):.2g}."
    )
    flakes = (
        [f"{stats.flakes} of its failures were flakes, which tell less."] if stats.flakes else []
    )
    return [sentence, *flakes]
