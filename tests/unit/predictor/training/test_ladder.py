"""The ladder ends at the smallest size that loses no more than the tolerance."""

from __future__ import annotations

from array import array
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_nexus.predictor.evaluation.evaluate import Case
from pytest_nexus.predictor.evaluation.losses import TOLERANCE, Losses
from pytest_nexus.predictor.model.model import Model
from pytest_nexus.predictor.model.tree_size import TreeSize
from pytest_nexus.predictor.schema import FEATURES, NAMES
from pytest_nexus.predictor.training import ladder
from pytest_nexus.predictor.training.ladder import SIZES, Fold, climb, judged

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest
    from pytest_nexus.predictor.training.weights import FailedRun

DEFAULTS = {feature.name: feature.default for feature in FEATURES}
NOTHING = Losses(0.0, 0.0, 0.0, 0.0)


def case(number: int) -> Case:
    """Return a run of 30 tests in which the one with the highest rate fails."""
    bad, values = number * 7 % 30, array("d")
    for at in range(30):
        row = DEFAULTS | {"rate_2": 0.9 if at == bad else at / 100}
        values.extend(row[name] for name in NAMES)
    failed = tuple(at == bad for at in range(30))
    return Case(f"run {number}", values, failed, failed, (1.0,) * 30, (1.0,) * 30)


CASES = [case(number) for number in range(32)]


def fit(samples: Sequence[FailedRun]) -> Model:
    assert samples
    return Model({"record": 1.0})


def climbed(monkeypatch: pytest.MonkeyPatch, losses: dict[str, Losses]) -> ladder.Ladder:
    """Return the ladder where each size loses what is given."""
    real = ladder.rung_of
    monkeypatch.setattr(
        ladder, "rung_of", lambda size, folds: real(size, folds)._replace(losses=losses[str(size)])
    )
    found = climb(CASES, fit, 0, [TreeSize(1, 2), TreeSize(2, 4), TreeSize(4, 4)])
    assert found is not None
    return found


def test_the_ladder_ends_at_the_first_size_within_the_tolerance(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    above, at = (NOTHING._replace(apfdc=TOLERANCE.apfdc * part) for part in (1.01, 1.0))
    found = climbed(monkeypatch, {"1x2": above, "2x4": at, "4x4": NOTHING})
    assert found.smallest is found.rungs[-1]
    assert [str(rung.size) for rung in found.rungs] == ["1x2", "2x4"]


def test_a_better_student_is_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    found = climbed(monkeypatch, {"1x2": Losses(-0.5, -0.5, -0.5, -0.5)})
    assert len(found.rungs) == 1
    assert found.smallest is not None


def test_where_every_size_loses_too_much_none_is_the_smallest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = climbed(monkeypatch, dict.fromkeys(("1x2", "2x4", "4x4"), Losses(0.1, 0.0, 0.0, 0.0)))
    assert (len(found.rungs), found.smallest) == (3, None)


def test_runs_that_judge_are_newer_than_those_that_teach(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def of(past: Sequence[Case], held: Sequence[Case], *rest: object) -> Fold:
        seen.append(([one.name for one in past], [one.name for one in held]))
        return real(past, held, *rest)

    real = Fold.of
    monkeypatch.setattr(ladder.Fold, "of", of)
    found = climb(CASES, fit, 0, SIZES[:1])
    names = [each.name for each in CASES]
    assert seen == [(names[:16], names[16:24]), (names[:24], names[24:])]
    assert found is not None
    assert found.n_runs == 16


def test_one_run_cannot_be_held_back_and_taught() -> None:
    assert climb(CASES[:1], fit, 0) is None


def test_a_teacher_loses_nothing_against_itself() -> None:
    fold = Fold.of(CASES[:20], CASES[20:], fit, 0)
    count, losses = judged([fold.teacher.boosted], [fold])
    assert losses == NOTHING
    assert 60 <= count <= 60 * 7


def test_a_student_that_knows_nothing_loses() -> None:
    """Its trees were fitted to outcomes that are the reverse of those of the teacher."""
    fold = Fold.of(CASES[:20], CASES[20:], fit, 0)
    turned = replace(fold.teacher, target=-fold.teacher.target)
    same, other = (one.student(TreeSize(4, 4)) for one in (fold.teacher, turned))
    (_, little), (_, much) = judged([same], [fold]), judged([other], [fold])
    assert little.log_loss < much.log_loss
    assert little.apfdc <= much.apfdc
