"""What a small model loses is measured by run, and judged where it is more than chance."""

from __future__ import annotations

from math import log, sqrt
from statistics import stdev
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_nexus.predictor.evaluation.losses import TOLERANCE, Losses, Mark, losses

NOTHING = Losses(0.0, 0.0, 0.0, 0.0)


def mark(
    log_loss: float = 5.0, auc: float | None = 0.9, n_failed: int = 2, n_tests: int = 1000
) -> Mark:
    return Mark(0.8, auc, log_loss, n_failed, n_tests)


@pytest.mark.parametrize("name", TOLERANCE._fields)
def test_each_measure_can_be_too_much(name: str) -> None:
    most = getattr(TOLERANCE, name)
    assert NOTHING._replace(**{name: most}).is_tolerable
    assert not NOTHING._replace(**{name: most * 1.01}).is_tolerable


@pytest.mark.parametrize("name", ["auc", "skill"])
def test_a_loss_counts_if_it_exceeds_the_tolerance_by_more_than_its_error(name: str) -> None:
    most = getattr(TOLERANCE, name)
    lost = NOTHING._replace(**{name: most * 2})
    assert lost._replace(**{f"{name}_error": most * 1.01}).is_tolerable
    assert not lost._replace(**{f"{name}_error": most * 0.99}).is_tolerable


def test_the_log_loss_against_the_teacher_decides_nothing() -> None:
    assert NOTHING._replace(log_loss=9.0).is_tolerable


def test_skill_is_measured_against_a_constant_forecast() -> None:
    """Two of 1000 tests fail in each run: the constant forecast loses 14.4 nats a run."""
    constant = 2 * log(500) + 998 * log(1000 / 998)
    found = losses([mark(5.5), mark(5.5)], [mark(5.0), mark(5.0)])
    assert found.skill == pytest.approx(0.5 / constant)
    assert found.skill_error == pytest.approx(0.0)
    assert found.log_loss == pytest.approx(0.1)


def test_the_same_loss_of_skill_shows_however_certain_the_teacher_is() -> None:
    """One nat is ten times the loss of a teacher that is almost certain."""
    certain, unsure = (losses([mark(at + 1.0)] * 3, [mark(at)] * 3) for at in (0.1, 10.0))
    assert certain.skill == pytest.approx(unsure.skill)
    assert (certain.log_loss, unsure.log_loss) == (pytest.approx(10.0), pytest.approx(0.1))


def test_the_error_of_a_mean_is_that_of_the_runs() -> None:
    aucs = [0.0, 0.01, 0.05, -0.02]
    found = losses([mark(auc=0.9 - lost) for lost in aucs], [mark()] * 4)
    assert found.auc == pytest.approx(0.01)
    assert found.auc_error == pytest.approx(stdev(aucs) / sqrt(4))


def test_a_loss_in_one_run_alone_is_no_larger_than_its_error() -> None:
    found = losses([mark(9.0), *[mark()] * 8], [mark()] * 9)
    assert found.skill == pytest.approx(found.skill_error)


def test_runs_in_which_every_test_failed_have_no_auc() -> None:
    found = losses([mark(auc=None), mark(auc=0.7)], [mark(auc=None), mark(auc=0.9)])
    assert found.auc == pytest.approx(0.2)
    assert losses([mark(auc=None)], [mark(auc=None)]).auc == 0.0


def test_where_every_test_failed_nothing_is_to_be_known() -> None:
    found = losses([mark(3.0, None, 4, 4)], [mark(2.0, None, 4, 4)])
    assert (found.skill, found.skill_error) == (0.0, 0.0)


class Runs(NamedTuple):
    small: list[Mark]
    large: list[Mark]


pairs = st.lists(
    st.tuples(st.floats(0, 50), st.floats(0, 50), st.integers(1, 9), st.integers(10, 2000)),
    min_size=1,
    max_size=12,
).map(
    lambda found: Runs(
        [mark(a, n_failed=bad, n_tests=n) for a, _, bad, n in found],
        [mark(b, n_failed=bad, n_tests=n) for _, b, bad, n in found],
    )
)


@given(pairs)
def test_small_and_large_exchanged_turn_the_sign(runs: Runs) -> None:
    found, turned = losses(runs.small, runs.large), losses(runs.large, runs.small)
    assert found.skill == pytest.approx(-turned.skill)
    assert found.skill_error == pytest.approx(turned.skill_error, abs=1e-9)
    assert losses(runs.large, runs.large).is_tolerable


@given(pairs)
def test_the_order_of_the_runs_changes_nothing(runs: Runs) -> None:
    found = losses(runs.small, runs.large)
    turned = losses(runs.small[::-1], runs.large[::-1])
    assert found.skill == pytest.approx(turned.skill)
    assert found.skill_error == pytest.approx(turned.skill_error)
