"""Measure how well each run's durations are predicted from the runs before it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_nexus.backtest.builds import lived
from pytest_nexus.domain.median import lower_median
from pytest_nexus.history.state.fold import RunFacts, State, fold, stats_of, trend_of
from pytest_nexus.journal.encoding import VERDICT_OF
from pytest_nexus.plan.known_tests import has_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_nexus.backtest.builds import Build
    from pytest_nexus.history.state.fold import Observation
    from pytest_nexus.history.store import History

MAX_RUNS: Final = 50

_LEAST_S: Final = 1e-3
"""Shorter tests count in sums, but not in relative errors, where they would be noise."""

_NEAR: Final = 0.25

_Pairs = list[tuple[float, float]]
"""Pairs of expected and true seconds."""


class Life(NamedTuple):
    """One run with the observation of each test."""

    facts: RunFacts
    seen: Mapping[str, Observation]
    """Observations by key."""


def of_history(history: History) -> Iterator[Life]:
    """Yield the runs of a history, in the order of the fold."""
    for run in history.replayed():
        yield Life(run.facts, {key: seen for key, _, seen in run.tests})


def of_recorded(builds: Iterable[Build]) -> Iterator[Life]:
    """Yield the real builds of a recorded project, in time order."""
    for build in builds:
        if not build.is_mutant:
            facts = RunFacts(build.run.started_at, b"", teaches_flakes=True, has_outcomes=True)
            yield Life(facts, {each.test.key: each.seen for each in lived(build)})


def judged(runs: Iterable[Life]) -> list[dict[str, Any]]:
    """Return a row with the errors of each way to predict durations.

    The three ways are: the median of each test, which a session uses; the trend of each test; and
    the median over all tests.

    Args:
        runs: in the order of the fold; the last 50 are judged.
    """
    states: dict[str, State] = {}
    found: defaultdict[str, list[_Pairs]] = defaultdict(list)
    runs = list(runs)
    for left, run in enumerate(runs, -len(runs)):
        true = {key: _seconds(seen) for key, seen in run.seen.items() if VERDICT_OF[seen.outcomes]}
        if left >= -MAX_RUNS and run.facts.has_outcomes:
            for name, expected in _foreseen(states).items():
                pairs = [(expected[key], true[key]) for key in true.keys() & expected.keys()]
                if pairs:
                    found[name].append(pairs)
        for key, seen in run.seen.items():
            states[key] = fold(states.get(key), run.facts, seen)
    return [_row(name, pairs) for name, pairs in found.items()]


def _seconds(seen: Observation) -> float:
    return sum(each or 0 for each in (seen.setup_us, seen.call_us, seen.teardown_us)) / 1e6


def _foreseen(states: Mapping[str, State]) -> dict[str, dict[str, float]]:
    stats = {key: stats_of(key, None, state) for key, state in states.items()}
    plain = {key: each.duration_s for key, each in stats.items() if has_duration(each)}
    if not plain:
        return {}
    return {
        "nexus": plain,
        "trend of the test": {key: trend_of(states[key].durations) for key in plain},
        "median of all tests": dict.fromkeys(plain, lower_median(plain.values())),
    }


def _row(name: str, runs: list[_Pairs]) -> dict[str, Any]:
    pairs = [pair for each in runs for pair in each]
    errors = [abs(expected - true) for expected, true in pairs]
    shares = [abs(expected - true) / true for expected, true in pairs if true >= _LEAST_S]
    sums = [(sum(e for e, _ in each), sum(t for _, t in each)) for each in runs]
    of_sums = [abs(expected - true) / true for expected, true in sums if true > 0]
    return {
        "durations": name,
        "error_ms": lower_median(errors) * 1000,
        "relative": lower_median(shares) if shares else None,
        "within_25%": sum(each <= _NEAR for each in shares) / len(shares) if shares else None,
        "of_the_sum": lower_median(of_sums) if of_sums else None,
        "tests": len(pairs),
    }
