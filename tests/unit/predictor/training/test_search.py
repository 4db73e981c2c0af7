"""A search judges drawn settings on later runs, and changes nothing without proof."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest
from pytest_nexus.predictor.evaluation.evaluate import Worth
from pytest_nexus.predictor.model.tree_size import MOST_LEAVES, MOST_TREES, TreeSize
from pytest_nexus.predictor.training.run_sample import sample_of
from pytest_nexus.predictor.training.search import (
    _held,
    _samples,
    best_of,
    drawn,
    folds_of,
    judge,
    student_size,
)
from pytest_nexus.predictor.training.settings import (
    BOUNDS,
    DEFAULTS,
    Settings,
    settings_of,
)

from tests.unit.predictor.training.test_champion import PRIOR, cases

if TYPE_CHECKING:
    from collections.abc import Sequence

CASES = cases("imported_words", 44)


@pytest.mark.parametrize("number", range(1, 40))
def test_every_candidate_is_within_the_bounds(number: int) -> None:
    found = drawn(7, number)
    assert settings_of(asdict(found)) == found
    assert found.teacher_trees <= MOST_TREES
    assert found.teacher_leaves <= MOST_LEAVES
    assert found != drawn(8, number)


def test_every_setting_has_bounds_around_its_default() -> None:
    assert BOUNDS.keys() == asdict(DEFAULTS).keys()
    assert all(
        BOUNDS[name].least < usual < BOUNDS[name].most for name, usual in asdict(DEFAULTS).items()
    )


@pytest.mark.parametrize(
    "stored",
    [None, [], {"pull": "2"}, {"pull": True}, {"pull": float("nan")}, {"pull": 0.0}, {"other": 1},
     {"teacher_trees": 20.5}, {"teacher_leaves": 65}],
)  # fmt: skip
def test_stored_settings_that_make_no_sense_are_none(stored: object) -> None:
    assert settings_of(stored) is None


def test_settings_say_what_differs_from_the_defaults() -> None:
    found = Settings(pull=2.5, teacher_trees=30)
    assert found.changed == {"pull": 2.5, "teacher_trees": 30}
    assert str(found) == "pull 2.5, teacher trees 30"
    assert settings_of(found.changed) == found


def test_folds_teach_by_earlier_runs_and_judge_by_later_ones() -> None:
    earlier = [sample_of(case, 0) for case in cases("rate_2", 2)]
    folds = folds_of(CASES, earlier, 0)
    assert [len(fold.sizes) for fold in folds] == [32, 35, 39, 42]
    assert [len(fold.held_sizes) for fold in folds] == [3, 4, 3, 4]
    samples = list(_samples(folds[0]))
    assert samples == [*earlier, *(sample_of(case, 0) for case in CASES[:30])]
    (first, *_) = _held(folds[0])
    assert (first.matrix, first.failed, first.novel) == (
        CASES[30].matrix, CASES[30].failed, CASES[30].novel
    )  # fmt: skip


def test_one_candidate_on_one_fold_gives_the_same_again() -> None:
    fold = folds_of(CASES, (), 0)[0]
    first, again = (judge(drawn(0, 1), PRIOR, TreeSize(2, 4), 0, *fold) for _ in range(2))
    assert first == again
    assert len(first) == 3
    assert all(0 < each.mean <= 1 for each in first)


def judged(*gains: float, folds: int = 4, runs: int = 20) -> list[list[list[Worth]]]:
    """Candidates that gain the same on each run; the first has the default settings."""
    return [
        [[Worth(0.5 + gain, 0.5 + gain)] * runs for _ in range(folds)] for gain in (0.0, *gains)
    ]


def test_a_candidate_that_is_proved_better_wins() -> None:
    found = best_of(judged(0.01, 0.2, -0.1), CASES, 5)
    assert (found.winner, found.is_better, found.settings) == (2, True, drawn(5, 2))
    assert found.gains == pytest.approx((0.0, 0.01, 0.2, -0.1))
    assert (found.n_runs, found.searched_to) == (80, "run 43")
    assert "candidate 2 gains +0.2000" in found.reason
    assert found.reason.endswith(": its settings are used")


@pytest.mark.parametrize(("gains", "winner"), [([-0.1, -0.2], 0), ([0.0, 0.0], 0), ([0.004], 1)])
def test_without_proof_the_default_settings_stay(gains: Sequence[float], winner: int) -> None:
    found = best_of(judged(*gains), CASES, 5)
    assert (found.winner, found.is_better, found.settings) == (winner, False, DEFAULTS)
    assert found.reason.endswith("stay")


def test_runs_that_chose_the_candidate_do_not_judge_it() -> None:
    """Good on the first fold alone: chosen there, and refuted by the others."""
    lucky, usual = judged(0.3)[1], judged()[0]
    found = best_of([usual, [lucky[0], *usual[1:]]], CASES, 0)
    assert (found.winner, found.is_better) == (1, False)
    assert "evidence 1.0 to 1" in found.reason


def test_the_default_settings_alone_stay() -> None:
    found = best_of(judged(runs=3), CASES, 5)
    assert (found.winner, found.is_better, found.gains) == (0, False, (0.0,))
    assert (found.settings, found.judged, found.n_runs) == (DEFAULTS, (DEFAULTS,), 12)
    assert found.reason == (
        "no candidate is better than the default settings on 12 runs; they stay"
    )


def test_students_that_judge_have_the_size_of_sessions() -> None:
    assert student_size(TreeSize(2, 4)) == TreeSize(2, 4)
    assert student_size(None) == student_size("auto") == TreeSize(8, 8)
