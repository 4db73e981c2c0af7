from __future__ import annotations

from random import Random

import numpy
import pytest
from pytest_nexus.predictor.evaluation.drift import (
    LIMIT,
    SHIFTED,
    chance_of_height,
    kolmogorov_smirnov,
    page_hinkley,
    psi,
)
from scipy import stats


@pytest.mark.parametrize(("n", "m"), [(1, 1), (5, 7), (10, 10), (100, 20), (37, 64)])
def test_kolmogorov_smirnov_is_that_of_scipy(n: int, m: int) -> None:
    random = Random(n * m)
    for shift in (0.0, 0.3, 1.0):
        before = [random.gauss(0, 1) for _ in range(n)]
        after = [random.gauss(shift, 1) for _ in range(m)]
        found = kolmogorov_smirnov(before, after)
        expected = stats.ks_2samp(before, after, method="exact")
        assert found.distance == pytest.approx(expected.statistic)
        assert found.p == pytest.approx(expected.pvalue)


def test_with_ties_kolmogorov_smirnov_is_still_that_of_scipy() -> None:
    random = Random(3)
    before, after = ([random.randrange(4) for _ in range(n)] for n in (40, 25))
    expected = stats.ks_2samp(before, after, method="exact")
    assert kolmogorov_smirnov(before, after) == pytest.approx((expected.statistic, expected.pvalue))


def test_an_empty_sample_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="empty"):
        kolmogorov_smirnov([], [1.0])


def test_psi_is_the_sum_of_both_divergences() -> None:
    before, after = [300, 500, 200, 0], [100, 700, 150, 50]
    p, q = ((numpy.array(each) + 0.5) / (sum(each) + 2.0) for each in (before, after))
    assert psi(before, after) == pytest.approx(stats.entropy(p, q) + stats.entropy(q, p))
    assert psi(before, after) == pytest.approx(psi(after, before))


def test_psi_ignores_bins_that_nobody_uses() -> None:
    assert psi([10, 0, 10], [20, 0, 20, 0]) == psi([10, 10], [20, 20])
    assert psi([], []) == 0.0


def test_psi_of_samples_of_one_distribution_is_small() -> None:
    random = numpy.random.default_rng(1)
    shares = [0.7, 0.2, 0.06, 0.04]
    found = [
        psi(random.multinomial(500, shares), random.multinomial(100, shares)) for _ in range(200)
    ]
    assert max(found) < SHIFTED


def cusum(reference: list[float], values: list[float]) -> float:
    """The same sums by the textbook: numpy's, of deviations from the mean known until then."""
    spread = numpy.std(reference)
    known = numpy.concatenate([reference, values])
    means = numpy.cumsum(known)[len(reference) - 1 : -1] / numpy.arange(len(reference), len(known))
    steps = (numpy.array(values) - means) / spread - 0.5
    sums = numpy.concatenate([[0.0], numpy.cumsum(steps)])
    return float(sums[-1] - sums.min())


def test_page_hinkley_adds_up_deviations() -> None:
    random = Random(5)
    reference = [random.gauss(0.8, 0.1) for _ in range(50)]
    values = [random.gauss(0.8, 0.1) for _ in range(30)]
    values += [random.gauss(0.95, 0.1) for _ in range(20)]
    found = page_hinkley(reference, values, 1)
    assert found.height == pytest.approx(cusum(reference, values))
    assert found.since is not None
    assert 25 <= found.since <= 34
    assert page_hinkley(reference, values, -1).since is None
    lower = page_hinkley(reference, [1.6 - each for each in values], -1)
    assert lower.since is not None


def test_page_hinkley_rarely_alarms_without_a_change() -> None:
    alarms = 0
    for seed in range(200):
        random = Random(seed)
        reference = [random.gauss(0, 1) for _ in range(100)]
        alarms += (
            page_hinkley(reference, [random.gauss(0, 1) for _ in range(20)], 1).since is not None
        )
    assert alarms <= 10


def test_heavy_tails_alarm_page_hinkley_and_chance_explains_them() -> None:
    heights, chances = 0, []
    for seed in range(100):
        random = Random(seed)
        reference, values = ([random.lognormvariate(0, 1.5) for _ in range(n)] for n in (60, 20))
        found = page_hinkley(reference, values, 1)
        if found.since is not None:
            heights += 1
            chances.append(chance_of_height(reference, values, 1, found.height))
    assert heights > 10, "a height alone is not enough here"
    assert sum(chance < 0.05 for chance in chances) <= 9


def test_chance_does_not_explain_a_real_change() -> None:
    random = Random(8)
    reference = [random.lognormvariate(0, 0.5) for _ in range(60)]
    values = [3 + random.lognormvariate(0, 0.5) for _ in range(20)]
    found = page_hinkley(reference, values, 1)
    assert chance_of_height(reference, values, 1, found.height) == 1 / 400
    assert chance_of_height(reference, values, 1, 0.0) == 1.0


def test_page_hinkley_of_equal_values_is_quiet() -> None:
    assert page_hinkley([0.5, 0.5], [0.5] * 100, 1) == (0.0, None)
    assert page_hinkley([0.5, 0.5], [0.6], 1).height > LIMIT


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("since", [0, 1, 2, 5])
def test_page_hinkley_says_which_value_began_the_change(since: int, sign: int) -> None:
    reference = [0.4, 0.6] * 20
    values = [0.5] * since + [0.5 + sign] * 3
    found = page_hinkley(reference, values, sign)
    assert found.since == since
    assert page_hinkley(reference, values, -sign).since is None


def test_page_hinkley_compares_with_the_mean_of_all_values_before() -> None:
    """Of the deviations 2, 4/3 and 1 in units of the spread 1, each is forgiven half of one."""
    found = page_hinkley([-1.0, 1.0], [2.0, 2.0, 2.0], 1)
    assert found.height == pytest.approx(2.0 + 4 / 3 + 1.0 - 1.5)
    assert found.since is None
    assert page_hinkley([-1.0, 1.0], [5.5], 1) == (5.0, 0)


def test_the_chance_of_a_height_counts_the_real_order() -> None:
    assert chance_of_height([0.0, 1.0], [0.5], 1, 1e9) == 1 / 400
    equal = chance_of_height([0.5, 0.5], [0.5], 1, 0.0)
    assert equal == 1.0
