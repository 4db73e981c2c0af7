"""The student has the size that was asked for, or that of the smallest rung within tolerance."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_nexus.predictor.evaluation.losses import Losses
from pytest_nexus.predictor.model.tree_size import TreeSize
from pytest_nexus.predictor.training import student as student_module
from pytest_nexus.predictor.training.ladder import SIZES, Ladder, Rung
from pytest_nexus.predictor.training.run_sample import Sampled, sample_of
from pytest_nexus.predictor.training.settings import Settings
from pytest_nexus.predictor.training.student import Student, student_of

from tests.unit.predictor.training.test_ladder import CASES, fit

if TYPE_CHECKING:
    import pytest
    from pytest_nexus.predictor.training.distillation import Teacher
    from pytest_nexus.predictor.training.settings import Wanted

SMALL, LARGE = TreeSize(2, 4), TreeSize(6, 8)
BAD = Rung(SMALL, 4.0, Losses(0.1, 0.0, 0.0, 0.0))
GOOD = Rung(LARGE, 20.0, Losses(0.001, -0.002, 0.003, 0.01))
SAMPLES = [sample_of(case, 0) for case in CASES]


def made(wanted: Wanted) -> Student:
    return student_of(CASES, SAMPLES, fit, 0, wanted)


def climbing(monkeypatch: pytest.MonkeyPatch, *rungs: Rung) -> None:
    found = Ladder(200.0, 9, rungs) if rungs else None
    monkeypatch.setattr(student_module, "climb", lambda *_: found)


def test_without_a_wish_nothing_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    climbing(monkeypatch, BAD)
    found = made(None)
    assert (str(found.size), found.ladder, len(found.trees)) == ("8x8", None, 8)
    assert found.figures["teacher_comparisons"] > found.figures["student_comparisons"]
    assert not any("loss" in name for name in found.figures)


def test_auto_takes_the_smallest_within_the_tolerance(monkeypatch: pytest.MonkeyPatch) -> None:
    climbing(monkeypatch, BAD, GOOD)
    found = made("auto")
    assert (found.size, len(found.trees), found.is_teacher) == (LARGE, 6, False)
    losses = {name: value for name, value in found.figures.items() if "loss" in name}
    assert losses == {
        "student_apfdc_loss": 0.001,
        "student_auc_loss": -0.002,
        "student_skill_loss": 0.003,
        "student_log_loss_increase": 0.01,
    }


def test_the_teacher_is_kept_where_every_student_loses_too_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    climbing(monkeypatch, BAD)
    found = made("auto")
    assert found.is_teacher
    assert found.trees == found.teacher
    assert found.figures["parity"] < 1e-9
    assert found.figures["distillation_rmse"] < 1e-9


def test_with_too_few_runs_for_a_ladder_the_size_is_the_usual_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    climbing(monkeypatch)
    assert str(made("auto").size) == "8x8"


def test_a_size_that_was_asked_for_is_kept_whatever_it_loses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    climbing(monkeypatch, BAD)
    found = made(SMALL)
    assert (found.size, len(found.trees)) == (SMALL, 2)
    assert all(sum(column < 0 for column in tree.feature) <= 4 for tree in found.trees)
    assert found.figures["student_apfdc_loss"] == 0.1


def test_the_same_seed_gives_the_same_student() -> None:
    first, second = made("auto"), made("auto")
    assert first == replace(second)
    assert first.ladder is not None


def test_the_seed_the_weights_and_the_settings_reach_the_ladder_and_the_teacher(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[object, ...]] = []
    real = student_module.teach

    def teach(*given: Any) -> Teacher:
        seen.append(given)
        return real(*given)

    def climb(*given: object) -> None:
        seen.append(given)

    monkeypatch.setattr(student_module, "teach", teach)
    monkeypatch.setattr(student_module, "climb", climb)
    settings = Settings(teacher_trees=3, teacher_leaves=4)
    for wanted, sizes in (("auto", SIZES), (SMALL, [SMALL])):
        seen.clear()
        found = student_of(CASES, SAMPLES, fit, 5, wanted, settings)
        sampled = Sampled.of(SAMPLES)
        assert seen == [
            (CASES, fit, 5, sizes, settings),
            (sampled.rows, sampled.failed, 5, sampled.weights, settings),
        ]
        assert (len(found.teacher), found.settings) == (3, settings)
    seen.clear()
    student_of(CASES, SAMPLES, fit, 5, None, settings)
    assert len(seen) == 1
