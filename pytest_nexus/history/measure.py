"""Measure how good the prediction of a run was, from its forecasts and its attempts."""

from __future__ import annotations

from bisect import bisect_right
from math import fsum, log
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.history.sqlite.quality_table import Bin, RunQuality
from pytest_nexus.journal.encoding import FAIL, NO_VERDICT, VERDICT_OF
from pytest_nexus.journal.format import MISSED
from pytest_nexus.predictor.evaluation.metrics import BUDGETS, score

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pytest_nexus.domain.records import Run
    from pytest_nexus.journal.encoding import RawAttempt
    from pytest_nexus.plan.foreseen import Foreseen, Prediction

EDGES: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.6)
"""Between the bins of probability."""

_NEVER: Final = 1000
_CERTAIN: Final = 1e-6
"""Probabilities are kept this far from 0 and 1 for the logarithmic loss."""

_SIMPLE: Final[Mapping[str, Callable[[Foreseen], float]]] = {
    "collection order": lambda _: 0.0,
    "--ff, last failed first": lambda test: 0.0 if test.since_failure == 0 else 1.0,
    "most recent failure first": lambda test: (
        _NEVER if test.since_failure is None else test.since_failure
    ),
    "weighted failure rate": lambda test: -test.rate,
    "fastest first": lambda test: test.duration_s,
}
"""Keys by which simple orders sort; ties keep the order of the collection. Names as in
`predictor.evaluation.baselines`."""


class _Ran(NamedTuple):
    """A test with a forecast that ran."""

    test: Foreseen
    has_failed: bool
    duration_s: float
    started_us: int


def measure(run: Run, attempts: Iterable[RawAttempt], prediction: Prediction) -> RunQuality | None:
    """Return how good a prediction was; None if no test with a forecast has an outcome.

    The first attempt of each test counts. A skipped test has no outcome. Orders are compared as if
    one process ran all tests, with the durations that were measured.

    Args:
        run: of the session.
        attempts: of the session.
        prediction: of the session, in collection order.
    """
    first = {raw[0]: raw for raw in attempts if raw[2] == 1}
    ran = [
        _ran(test, raw)
        for test in prediction.tests
        if (raw := first.get(test.key)) is not None and VERDICT_OF[raw[3]] != NO_VERDICT
    ]
    if not ran:
        return None
    failed = [each.has_failed for each in ran]
    p = [each.test.p_fail for each in ran]
    left = [test for test in prediction.tests if test.is_left]
    actual = sorted(range(len(ran)), key=lambda at: ran[at].started_us)
    n_failed = sum(failed)
    ours = _score(actual, ran) if n_failed else (None, None)
    return RunQuality(
        model=prediction.model,
        n_tests=len(ran),
        n_failed=n_failed,
        apfdc=ours[0],
        first_failure_s=ours[1],
        brier=fsum((a - b) ** 2 for a, b in zip(p, failed, strict=True)) / len(ran),
        log_loss=fsum(map(_loss, p, failed)) / len(ran),
        expected_s=fsum(each.test.duration_s for each in ran),
        real_s=fsum(each.duration_s for each in ran),
        n_selected=len(prediction.tests) - len(left),
        n_left=len(left),
        n_missed=sum(name.startswith(MISSED) for name in run.selected_by),
        left_s=fsum(test.duration_s for test in left),
        orders=_simple_orders(ran) if n_failed else {},
        bins=_bins(p, failed),
        budgets=_budgets(actual, ran) if n_failed else (),
        features=dict(prediction.features),
    )


def _ran(test: Foreseen, raw: RawAttempt) -> _Ran:
    duration_us = sum(each or 0 for each in raw[4:7])
    return _Ran(test, VERDICT_OF[raw[3]] == FAIL, duration_us / 1e6, raw[7])


def _loss(p: float, failed: bool) -> float:  # noqa: FBT001 - mapped over lists
    within = min(max(p, _CERTAIN), 1 - _CERTAIN)
    return -log(within if failed else 1 - within)


def _score(order: Sequence[int], ran: Sequence[_Ran]) -> tuple[float, float]:
    """Return APFDc, and the seconds until the first failure."""
    seconds = [each.duration_s for each in ran]
    found = score(order, [each.has_failed for each in ran], seconds)
    return found.apfdc, found.first_failure * fsum(seconds)


def _simple_orders(ran: Sequence[_Ran]) -> dict[str, tuple[float, float]]:
    return {
        name: _score(sorted(range(len(ran)), key=lambda at: key(ran[at].test)), ran)
        for name, key in _SIMPLE.items()
    }


def _bins(p: Sequence[float], failed: Sequence[bool]) -> tuple[Bin, ...]:
    bins: list[list[float]] = [[0, 0.0, 0] for _ in range(len(EDGES) + 1)]
    for each, bad in zip(p, failed, strict=True):
        found = bins[bisect_right(EDGES, each)]
        found[0] += 1
        found[1] += each
        found[2] += bad
    return tuple(Bin(int(n), sum_p, int(bad)) for n, sum_p, bad in bins)


def _budgets(order: Sequence[int], ran: Sequence[_Ran]) -> tuple[tuple[float, float], ...]:
    """Return precision and recall of the tests that end within each share of the seconds."""
    total = fsum(each.duration_s for each in ran)
    n_failed = sum(each.has_failed for each in ran)
    shares: list[tuple[float, float]] = []
    for budget in BUDGETS:
        elapsed, n, found = 0.0, 0, 0
        for at in order:
            elapsed += ran[at].duration_s
            if elapsed > budget * total:
                break
            n += 1
            found += ran[at].has_failed
        shares.append((found / n if n else 0.0, found / n_failed))
    return tuple(shares)
