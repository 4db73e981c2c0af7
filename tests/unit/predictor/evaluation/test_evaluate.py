from __future__ import annotations

from array import array
from math import log
from typing import TYPE_CHECKING

import pytest
from pytest_nexus.predictor.evaluation.baselines import LEAST_S
from pytest_nexus.predictor.evaluation.evaluate import (
    Case,
    Worth,
    backtest,
    by_thrift,
    charged_seconds,
    forgotten,
    knows,
    only,
    scores_of,
    untouched,
)
from pytest_nexus.predictor.evaluation.trial import Tally
from pytest_nexus.predictor.model.model import Model
from pytest_nexus.predictor.schema import FEATURES, NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULTS = {f.name: f.default for f in FEATURES}


def case(
    failed: Sequence[bool], duration_s: Sequence[float], expected_s: Sequence[float] | None = None,
    blocks: object = None, changed: Sequence[float] = (),
) -> Case:  # fmt: skip
    values = array("d")
    for at in range(len(failed)):
        row = DEFAULTS | {"file_changed": changed[at] if changed else 0.0}
        values.extend(row[column] for column in NAMES)
    expected = tuple(expected_s or duration_s)
    return Case(
        "run", values, tuple(failed), (True,) * len(failed), expected, tuple(duration_s), blocks
    )


def score_of(given: Case, model: Model | None = None):
    model = model or Model({}, thrift=0.0, failure_boost=0.0, pass_doubt=0.0)
    return backtest({"nexus": [model]}, [given])["nexus"][0]


def test_a_test_that_hangs_is_charged_with_what_was_expected_of_it() -> None:
    found = score_of(case([True, False, True], [60.0, 1.0, 1.0], [1.0, 1.0, 1.0]))
    assert found.apfdc == pytest.approx((62 - 30 + 0.5) / (2 * 62))
    assert found.charged == pytest.approx((3 - 0.5 + 0.5) / (2 * 3))
    assert found.first_failure == pytest.approx(60 / 62)
    assert found.first_charged == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.9, 0.001), (9.0, 1.0), (60.0, 60.0)],
)
def test_a_slow_test_that_does_not_hang_costs_its_own_seconds(seconds, expected) -> None:
    found = score_of(case([True, False], [seconds, 1.0], [expected, 1.0]))
    assert (found.charged, found.first_charged) == (found.apfdc, found.first_failure)


@pytest.mark.parametrize(("seconds", "expected"), [(1.0, 0.1), (1.0, 0.0), (20.0, 2.0)])
def test_a_test_hangs_from_ten_times_and_from_one_second_on(
    seconds: float, expected: float
) -> None:
    given = case([True, False], [seconds, 1.0], [expected, 1.0])
    assert charged_seconds(given, given.duration_s) == [expected, 1.0]


def test_seconds_that_no_test_hangs_for_are_charged_as_they_are() -> None:
    given = case([True, False], [0.999, 60.0], [0.0, 1.0])
    assert charged_seconds(given, given.duration_s) is given.duration_s


def test_quick_tests_gain_the_logarithm_of_their_seconds() -> None:
    model = Model({}, thrift=0.5)
    found = by_thrift(model, [0.0, 0.0, 2.0], [1.0, 4.0, 0.0])
    assert found[0] - found[1] == pytest.approx(0.5 * log(4))
    assert found[2] == pytest.approx(model.gain(2.0) - 0.5 * log(LEAST_S))


def test_a_passing_test_that_is_slow_costs_its_own_seconds() -> None:
    found = score_of(case([True, False], [1.0, 60.0], [1.0, 1.0]))
    assert found.charged == found.apfdc


class Blocks:
    """Says which of its orders was asked for."""

    has_setups = False

    def __init__(self) -> None:
        self.asked: list[object] = []

    def order(self, gains, *_: object) -> list[int]:
        self.asked.append("planned")
        return list(range(len(gains)))

    def learned(self, gains, *given: object) -> list[int]:
        _, _, failed, strengths, _ = given
        self.asked.append((tuple(failed), strengths))
        return list(reversed(range(len(gains))))

    def seconds(self, order) -> list[float]:
        return [1.0] * len(order)


def test_a_model_that_learns_within_the_run_is_judged_by_the_order_that_it_leads_to() -> None:
    blocks = Blocks()
    given = case([False, True], [1.0, 1.0], blocks=blocks)
    learning = Model({}, failure_boost=3.0, pass_doubt=0.5)
    assert score_of(given, learning).apfdc == pytest.approx(0.75)
    assert score_of(given).apfdc == pytest.approx(0.25)
    assert blocks.asked == [((False, True), (3.0, 0.5)), "planned"]


def test_the_failures_of_files_that_the_change_left_alone_are_found() -> None:
    given = case([True, True], [1.0, 1.0], changed=[1.0, 0.0])
    assert untouched(given) == [False, True]
    kept = only(given, untouched(given))
    assert kept is not None
    assert kept.failed == (False, True)
    assert only(given, [False, False]) is None


def test_what_is_forgotten_is_unknown_of_every_test_and_nothing_else_changes() -> None:
    given = case([True, False], [1.0, 1.0], changed=[1.0, 0.0])
    assert knows(given, "file_changed")
    assert not knows(given, "executes_change")
    blind = forgotten(given, ["file_changed"])
    assert not knows(blind, "file_changed")
    assert knows(given, "file_changed")
    assert [a for a, b in zip(given.matrix, blind.matrix, strict=True) if a != b] == [1.0, 0.0]


def test_a_model_that_forgets_orders_as_if_it_had_never_known() -> None:
    model = Model({"file_changed": 2.0}, thrift=0.0, failure_boost=0.0, pass_doubt=0.0)
    given = case([False, True], [1.0, 1.0], changed=[0.0, 1.0])
    with_it, without = (
        scores_of([model], [each])[0].apfdc for each in (given, forgotten(given, ["file_changed"]))
    )
    assert (with_it, without) == (pytest.approx(0.75), pytest.approx(0.25))


def test_a_tally_adds_up_all_runs_and_those_with_novel_failures() -> None:
    found = Tally(1, 0.5, 0.25, 1, 0.75).plus([Worth(0.5, 1.0, has_novel=True), Worth(0.25, 0.25)])
    assert found == Tally(3, 1.5, 1.0, 2, 1.75)
    assert found.means == (0.5, pytest.approx(1 / 3), 0.875)
    assert Tally().means == (0.0, 0.0, 0.0)
