"""What `nexus train --student` says is what was measured."""

from __future__ import annotations

from dataclasses import replace

from pytest_nexus.predictor.evaluation.losses import Losses
from pytest_nexus.predictor.model.model import Model
from pytest_nexus.predictor.model.tree import Tree
from pytest_nexus.predictor.model.tree_size import TreeSize
from pytest_nexus.predictor.training.champion import Outcome
from pytest_nexus.predictor.training.ladder import Ladder, Rung
from pytest_nexus.predictor.training.settings import DEFAULTS
from pytest_nexus.predictor.training.student import Student

from pytest_nexus.training.lineage import teacher_of
from pytest_nexus.training.student_figures import student_facts
from tests.unit.predictor.training.test_ladder import CASES

LEAF = Tree((-1,), (0.0,), (0,), (0,), (3.0,))
TOO_SMALL = Rung(TreeSize(1, 4), 2.0, Losses(0.0121, 0.0, 0.0, 0.0))
SMALL = Rung(TreeSize(4, 8), 17.0, Losses(0.0013, -0.002, 0.004, 0.011))
LADDER = Ladder(200.0, 30, (TOO_SMALL, SMALL))
STUDENT = Student(SMALL.size, (LEAF,), (LEAF, LEAF), {"student_comparisons": 17.0}, LADDER)
OUTCOME = Outcome(Model({}, (LEAF,), 0.5), is_better=True, reason="", student=STUDENT)


def test_the_sentence_compares_the_student_with_its_teacher() -> None:
    found = student_facts(OUTCOME, CASES[:2])
    assert found.sentence.startswith(
        "student 4x8: 11.8x fewer comparisons, APFDc -0.001, AUC +0.002, skill -0.004, log"
        " loss +1.1 % on 30 held-back runs; 10,000 tests take "
    )
    assert "no session" not in found.sentence
    assert found.figures["student_comparisons"] == 17.0
    assert found.figures["student_ms"] > 0
    assert found.figures["teacher_ms"] > 0
    assert [row["note"] for row in found.rows] == ["teacher", "loses too much", "chosen"]
    assert found.rows[1]["apfdc"] == -0.0121


def test_a_teacher_that_is_kept_is_said() -> None:
    kept = replace(STUDENT, size=DEFAULTS.teacher_size, ladder=Ladder(200.0, 30, (TOO_SMALL,)))
    found = student_facts(replace(OUTCOME, student=kept), CASES[:2])
    assert found.sentence.startswith(
        "student: none; every size tried loses more than the tolerance (APFDc 0.002, AUC 0.005,"
        " skill 0.02), so sessions evaluate the teacher with 200.0 comparisons per test"
    )
    assert found.rows[0]["note"] == "teacher, kept"


def test_a_size_that_loses_too_much_is_said() -> None:
    asked = replace(STUDENT, size=TOO_SMALL.size, ladder=Ladder(200.0, 30, (TOO_SMALL,)))
    found = student_facts(replace(OUTCOME, student=asked), CASES[:2])
    assert "which is more than the tolerance" in found.sentence
    assert "`--student auto`" in found.sentence


def test_trees_that_no_session_uses_are_said_and_named_in_no_lineage() -> None:
    without = replace(OUTCOME, model=Model({}))
    assert student_facts(without, CASES[:2]).sentence.endswith("so no session uses them")
    assert teacher_of(without) == {}


def test_without_trees_nothing_is_compared() -> None:
    found = student_facts(replace(OUTCOME, student=None), CASES[:2])
    assert found == ("student: none; trees take 30 runs with a failure", [], {})


def test_the_lineage_names_size_and_teacher() -> None:
    found, other = (
        teacher_of(replace(OUTCOME, student=replace(STUDENT, teacher=(LEAF,) * n))) for n in (2, 3)
    )
    assert found["student"] == other["student"] == "4x8"
    assert len(found["teacher"]) == 16
    assert found["teacher"] != other["teacher"]
