"""Measure how good the prediction of a run was, from its forecasts and its attempts."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from math import fsum, log
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.history.sqlite.quality_table import Bin, RunQuality
from pytest_nexus.journal.encoding import FAIL, NO_VERDICT, VERDICT_OF
from pytest_nexus.journal.format import MISSED
from pytest_nexus.predictor.evaluation.metrics import BUDGETS, score

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_nexus.domain.records import Run
    from pytest_nexus.journal.encoding import RawAttempt
    from pytest_nexus.plan.foreseen import Foreseen, Prediction

EDGES: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.6)
"""Between the bins of probability."""

_CERTAIN: Final = 1e-6
"""Probabilities are kept this far from 0 and 1 for the logarithmic loss."""


class _Ran(NamedTuple):
    """The tests with a forecast that ran, column by column, in collection order."""

    tests: Sequence[Foreseen]
    failed: Sequence[bool]
    seconds: Sequence[float]
    started_us: Sequence[int]


def measure(run: Run, attempts: Iterable[RawAttempt], prediction: Prediction) -> RunQuality | None:
    """Return how good a prediction was; None if no test with a forecast has an outcome.

    The first attempt of each test counts. A skipped test has no outcome. Orders are compared as if
    one process ran all tests, with the durations that were measured.

    Args:
        run: of the session.
        attempts: of the session.
        prediction: of the session, in collection order.
    """
    attempts = list(attempts)
    started = {raw[0] for raw in attempts}
    ran = _ran(attempts, prediction.tests)
    n, n_failed = len(ran.tests), sum(ran.failed)
    if not n:
        return None
    p = [test.p_fail for test in ran.tests]
    left = [test for test in prediction.tests if test.is_left and test.key not in started]
    actual = sorted(range(n), key=ran.started_us.__getitem__) if n_failed else []
    apfdc, first_failure_s = _score(actual, ran) if n_failed else (None, None)
    return RunQuality(
        model=prediction.model,
        n_tests=n,
        n_failed=n_failed,
        apfdc=apfdc,
        first_failure_s=first_failure_s,
        brier=fsum([(a - b) ** 2 for a, b in zip(p, ran.failed, strict=True)]) / n,
        log_loss=-fsum(map(log, _likelihoods(p, ran.failed))) / n,
        expected_s=fsum([test.duration_s for test in ran.tests]),
        real_s=fsum(ran.seconds),
        n_selected=len(prediction.tests) - len(left),
        n_left=len(left),
        n_missed=sum(name.startswith(MISSED) for name in run.selected_by),
        left_s=fsum([test.duration_s for test in left]),
        orders=_simple_orders(ran) if n_failed else {},
        bins=_bins(p, ran.failed),
        budgets=_budgets(actual, ran) if n_failed else (),
        features=dict(prediction.features),
        node=prediction.node,
    )


def _ran(attempts: Iterable[RawAttempt], tests: Iterable[Foreseen]) -> _Ran:
    first = {raw[0]: raw for raw in attempts if raw[2] == 1 and VERDICT_OF[raw[3]] != NO_VERDICT}
    found = [test for test in tests if test.key in first]
    raws = [first[test.key] for test in found]
    return _Ran(
        found,
        [VERDICT_OF[raw[3]] == FAIL for raw in raws],
        [((raw[4] or 0) + (raw[5] or 0) + (raw[6] or 0)) / 1e6 for raw in raws],
        [raw[7] for raw in raws],
    )


def _likelihoods(p: Sequence[float], failed: Sequence[bool]) -> Iterator[float]:
    """Yield the probability of each outcome, kept within bounds."""
    for each, bad in zip(p, failed, strict=True):
        likelihood = each if bad else 1 - each
        yield min(max(likelihood, _CERTAIN), 1 - _CERTAIN)


def _score(order: Sequence[int], ran: _Ran) -> tuple[float, float]:
    """Return APFDc, and the seconds until the first failure."""
    found = score(order, ran.failed, ran.seconds)
    return found.apfdc, found.first_failure * fsum(ran.seconds)


def _simple_orders(ran: _Ran) -> dict[str, tuple[float, float]]:
    """Return the scores of simple orders; names as in `predictor.evaluation.baselines`.

    Ties keep the order of the collection.
    """
    tests = ran.tests
    since = {at: test.since_failure for at, test in enumerate(tests) if test.has_failed_before}
    orders = {
        "collection order": list(range(len(tests))),
        "--ff, last failed first": _first([at for at, runs in since.items() if not runs], ran),
        "most recent failure first": _first(sorted(since, key=lambda at: since[at] or 0), ran),
        "weighted failure rate": _first(sorted(since, key=lambda at: -tests[at].rate), ran),
        "fastest first": sorted(
            range(len(tests)), key=[test.duration_s for test in tests].__getitem__
        ),
    }
    return {name: _score(order, ran) for name, order in orders.items()}


def _first(chosen: Sequence[int], ran: _Ran) -> list[int]:
    """Return the order with some tests first, and all others in the order of the collection."""
    own = set(chosen)
    return [*chosen, *(at for at in range(len(ran.tests)) if at not in own)]


def _bins(p: Sequence[float], failed: Sequence[bool]) -> tuple[Bin, ...]:
    bins: list[list[float]] = [[0, 0.0, 0] for _ in range(len(EDGES) + 1)]
    for each, bad in zip(p, failed, strict=True):
        found = bins[bisect_right(EDGES, each)]
        found[0] += 1
        found[1] += each
        found[2] += bad
    return tuple(Bin(int(n), sum_p, int(bad)) for n, sum_p, bad in bins)


def _budgets(order: Sequence[int], ran: _Ran) -> tuple[tuple[float, float], ...]:
    """Return precision and recall of the tests that end within each share of the seconds."""
    ends = list(accumulate(ran.seconds[at] for at in order))
    found = list(accumulate(ran.failed[at] for at in order))
    shares: list[tuple[float, float]] = []
    for budget in BUDGETS:
        n = bisect_right(ends, budget * ends[-1])
        caught = found[n - 1] if n else 0
        shares.append((caught / n if n else 0.0, caught / found[-1]))
    return tuple(shares)
