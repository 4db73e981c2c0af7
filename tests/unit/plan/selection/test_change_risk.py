from __future__ import annotations

from math import exp, log
from random import Random

import pytest

from pytest_nexus.plan.selection.change_risk import LEAST_RUNS, PastRun, calibrated


def runs(n: int, slope: float = 0.8, intercept: float = -0.5, seed: int = 1) -> list[PastRun]:
    random = Random(seed)
    found = []
    for _ in range(n):
        expected = exp(random.gauss(0.0, 2.0))
        p = 1 / (1 + exp(-(slope * log(expected) + intercept)))
        found.append(PastRun(expected, random.random() < p))
    return found


def test_the_true_curve_is_found_and_beats_the_base_rate():
    found = calibrated(runs(3000))
    assert found is not None
    assert found.slope == pytest.approx(0.8, abs=0.1)
    assert found.intercept == pytest.approx(-0.5, abs=0.15)
    assert found.brier < found.brier_of_base - 0.03


def test_probabilities_are_realised_on_later_runs():
    found = calibrated(runs(1500))
    assert found is not None
    later = runs(1500, seed=2)
    mean = sum(found.probability(run.expected) for run in later) / len(later)
    assert mean == pytest.approx(sum(run.failed for run in later) / len(later), abs=0.03)


def test_more_expected_failures_are_never_a_smaller_risk():
    against = [PastRun(1.0 + at % 7, at % 7 < 3) for at in range(100)]
    found = calibrated(against)
    assert found is not None
    p = [found.probability(expected) for expected in (0.0, 1e-6, 0.1, 1.0, 10.0, 1e9)]
    assert p == sorted(p)
    assert all(0.0 < each < 1.0 for each in p)


def test_a_passing_run_counts_for_the_runs_that_it_represents():
    heavy = [run if run.failed else run._replace(weight=9.0) for run in runs(400)]
    one, other = calibrated(runs(400)), calibrated(heavy)
    assert one is not None
    assert other is not None
    assert other.probability(1.0) < one.probability(1.0) / 2


def test_too_few_runs_of_a_kind_give_no_probability():
    some = [PastRun(1.0, failed=True)] * (LEAST_RUNS - 1) + [PastRun(0.1, failed=False)] * 50
    assert calibrated(some) is None
    assert calibrated([*some, PastRun(1.0, failed=True)]) is not None
    assert calibrated([]) is None


@pytest.mark.parametrize("expected", [0.0, 1e-300, 1e300])
def test_constant_forecasts_give_the_base_rate(expected):
    found = calibrated([PastRun(expected, at % 4 == 0) for at in range(200)])
    assert found is not None
    assert found.probability(expected) == pytest.approx(0.25, abs=0.02)
