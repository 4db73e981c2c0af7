from __future__ import annotations

from math import inf
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_nexus.plan.selection.promise import (
    HALF_LIFE,
    MAX_AGE_S,
    Cut,
    FailingRun,
    TooLittle,
    choose_cut,
    n_needed,
)

NOW = 1_000_000.0


def failing(firsts: list[float], *, start: float = 0.0) -> list[FailingRun]:
    return [FailingRun(start + at, first, (first,)) for at, first in enumerate(firsts)]


def gap_of(found: Cut | TooLittle) -> float:
    return found.gap if isinstance(found, Cut) else inf


@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_the_realised_risk_of_exchangeable_runs_is_as_promised(confidence):
    """1,000 draws of past runs and a run to come, all from one distribution with ties and inf."""
    random = Random(11)

    def gap():
        kind = random.random()
        return 0.0 if kind < 0.3 else inf if kind < 0.32 else random.expovariate(0.5)

    missed = 0
    for _ in range(1000):
        cut = choose_cut(failing([gap() for _ in range(60)]), confidence, NOW)
        assert isinstance(cut, Cut)
        missed += gap() > cut.gap
    # The expected risk is at most 1 - confidence; three standard errors are left for chance.
    allowed = 1 - confidence
    assert missed / 1000 <= allowed + 3 * (allowed * confidence / 1000) ** 0.5
    assert missed > 0, "a cut that misses nothing shows nothing"


def test_without_the_correction_the_risk_would_be_too_high():
    """The test above can fail: the largest gap of few runs is exceeded once in n + 1 runs."""
    random = Random(3)
    missed = 0
    for _ in range(1000):
        past = [random.random() for _ in range(9)]
        missed += random.random() > sorted(past)[-2]
    assert missed / 1000 > 0.15
    assert isinstance(choose_cut(failing([0.5] * 8), 0.9, NOW), TooLittle)


@given(
    firsts=st.lists(st.one_of(st.floats(0, 30), st.just(inf)), max_size=150),
    confidences=st.lists(st.floats(0.01, 0.999), min_size=2, max_size=5),
)
def test_more_confidence_never_gives_a_smaller_gap(firsts, confidences):
    past = failing(firsts)
    gaps = [gap_of(choose_cut(past, each, NOW)) for each in sorted(confidences)]
    assert gaps == sorted(gaps)


@given(
    firsts=st.lists(st.one_of(st.floats(0, 30), st.just(inf)), min_size=20, max_size=150),
    confidence=st.floats(0.5, 0.94),
)
def test_the_risk_is_allowed_and_no_smaller_cut_would_be(firsts, confidence):
    cut = choose_cut(failing(firsts), confidence, NOW)
    assert isinstance(cut, Cut)
    weights = [0.5 ** (age / HALF_LIFE) for age in range(len(firsts))][::-1]

    def risk(gap):
        lost = sum(w for w, first in zip(weights, firsts, strict=True) if first > gap)
        return (lost + 1) / (sum(weights) + 1)

    assert cut.risk == pytest.approx(risk(cut.gap))
    assert cut.risk <= 1 - confidence + 1e-6
    smaller = [first for first in {0.0, *firsts} if first < cut.gap]
    assert all(risk(gap) > 1 - confidence for gap in smaller)


def test_too_little_says_how_many_failing_runs_are_needed():
    found = choose_cut(failing([0.0] * 50), 0.99, NOW)
    assert found == TooLittle(50, n_needed(0.99))
    enough = failing([0.0] * n_needed(0.99))
    assert isinstance(choose_cut(enough, 0.99, NOW), Cut)
    assert isinstance(choose_cut(enough[1:], 0.99, NOW), TooLittle)


@pytest.mark.parametrize(("confidence", "n"), [(0.999, 0), (1.0, 0), (0.5, 1), (0.0, 1)])
def test_how_many_runs_are_needed(confidence, n):
    assert n_needed(confidence) == n


def test_a_promise_of_everything_cannot_be_made():
    assert isinstance(choose_cut(failing([0.0] * 2000), 1.0, NOW), TooLittle)


def test_runs_that_are_later_or_too_old_are_no_evidence():
    old, new, later = failing([9.0] * 20), failing([1.0] * 20, start=NOW), failing([5.0] * 20)
    now = NOW + MAX_AGE_S
    later = [run._replace(at=now + 1) for run in later]
    cut = choose_cut([*later, *old, *new], 0.9, now)
    assert isinstance(cut, Cut)
    assert (cut.gap, cut.n_failing_runs, cut.since, cut.until) == (1.0, 20, NOW, NOW + 19)


def test_recent_runs_count_more():
    far, near = failing([5.0] * 300), failing([1.0] * 300, start=300.0)
    rising = choose_cut([*near[:270], *[r._replace(first=5.0, at=600.0) for r in near[270:]]],
                        0.95, NOW)  # fmt: skip
    falling = choose_cut([*far[:30], *[r._replace(at=r.at + 600) for r in near[30:]]], 0.92, NOW)
    assert gap_of(rising) == 5.0
    assert gap_of(falling) == 1.0


def test_a_failure_that_runs_only_with_all_tests_can_make_all_tests_run():
    assert gap_of(choose_cut(failing([inf] * 10 + [0.0] * 30), 0.9, NOW)) == inf


def test_nothing_is_known_of_no_runs():
    assert choose_cut([], 0.0, NOW) == TooLittle(0, 1)
