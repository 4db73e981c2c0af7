"""Say how the student of a training compares with its teacher."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from statistics import median
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_nexus.domain.system import clock
from pytest_nexus.domain.wording import counted, percent
from pytest_nexus.predictor.evaluation.losses import TOLERANCE
from pytest_nexus.training.asked_size import asked_size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_nexus.predictor.evaluation.evaluate import Case
    from pytest_nexus.predictor.features.rows import Row
    from pytest_nexus.predictor.model.model import Model
    from pytest_nexus.predictor.training.champion import Outcome
    from pytest_nexus.predictor.training.ladder import Rung
    from pytest_nexus.predictor.training.settings import Wanted
    from pytest_nexus.predictor.training.student import Student

N_TESTS: Final = 10_000
_ROUNDS: Final = 3
_TOO_FEW: Final = "student: none; trees take 30 runs with a failure"


class StudentFacts(NamedTuple):
    """What `nexus train --student` prints."""

    sentence: str
    rows: list[dict[str, object]]
    """One for the teacher and one for each size that was tried."""
    figures: Mapping[str, float]
    """Of the student that was chosen, as in the metrics of a version."""


def wanted_size(text: str | None) -> Wanted:
    """Return the size that was asked for as a text; None for the usual one."""
    return None if text is None else asked_size(text) or "auto"


def student_facts(outcome: Outcome, cases: Sequence[Case]) -> StudentFacts:
    """Return how the student of a training compares with its teacher.

    Args:
        outcome: of a training for which a size was asked.
        cases: the runs of the training; the newest give the rows for the latency.
    """
    student = outcome.student
    if student is None or student.ladder is None:
        return StudentFacts(_TOO_FEW, [], {})
    latencies = {
        f"{name}_ms": _latency_ms(_with(outcome.model, trees, student), cases)
        for name, trees in (("teacher", student.teacher), ("student", student.trees))
    }
    figures = {**student.figures, **latencies}
    sentence = f"{_compared(student)}; {_in_time(figures)}"
    if not outcome.model.trees:
        sentence += "; the best candidate has no trees, so no session uses them"
    return StudentFacts(sentence, _rows(student), figures)


def _compared(student: Student) -> str:
    ladder = student.ladder
    assert ladder is not None
    if student.is_teacher:
        return (
            f"student: none; every size tried loses more than {_tolerance()}, so sessions"
            f" evaluate the teacher with {ladder.teacher_comparisons:.1f} comparisons per test"
        )
    rung = next(each for each in ladder.rungs if each.size == student.size)
    fewer, runs = _fewer(ladder.teacher_comparisons, rung), counted(ladder.n_runs, "held-back run")
    lost = rung.losses
    text = (
        f"student {student.size}: {fewer:.1f}x fewer comparisons, APFDc {-lost.apfdc:+.3f},"
        f" AUC {-lost.auc:+.3f}, skill {-lost.skill:+.3f},"
        f" log loss {percent(lost.log_loss, is_signed=True)} on {runs}"
    )
    if rung.losses.is_tolerable:
        return text
    return f"{text}, which is more than {_tolerance()}: `--student auto` finds a size within it"


def _tolerance() -> str:
    return (
        f"the tolerance (APFDc {TOLERANCE.apfdc:g}, AUC {TOLERANCE.auc:g},"
        f" skill {TOLERANCE.skill:g})"
    )


def _in_time(figures: Mapping[str, float]) -> str:
    return (
        f"10,000 tests take {figures['student_ms']:.1f} ms of processor,"
        f" with the teacher {figures['teacher_ms']:.1f} ms"
    )


def _fewer(teacher: float, rung: Rung) -> float:
    return teacher / rung.comparisons if rung.comparisons else 0.0


def _rows(student: Student) -> list[dict[str, object]]:
    ladder = student.ladder
    assert ladder is not None
    teacher: dict[str, object] = {
        "size": str(student.settings.teacher_size),
        "comparisons": round(ladder.teacher_comparisons, 1),
        "note": "teacher, kept" if student.is_teacher else "teacher",
    }
    return [teacher, *(_row(rung, student, ladder.teacher_comparisons) for rung in ladder.rungs)]


def _row(rung: Rung, student: Student, teacher: float) -> dict[str, object]:
    lost = rung.losses
    return {
        "size": str(rung.size),
        "comparisons": round(rung.comparisons, 1),
        "times_fewer": round(_fewer(teacher, rung), 1),
        "apfdc": round(0.0 - lost.apfdc, 4),
        "auc": round(0.0 - lost.auc, 4),
        "auc_error": round(lost.auc_error, 4),
        "skill": round(0.0 - lost.skill, 4),
        "skill_error": round(lost.skill_error, 4),
        "log_loss_%": round(100 * lost.log_loss, 1),
        "note": _note(rung, student),
    }


def _note(rung: Rung, student: Student) -> str:
    if rung.size == student.size:
        return "chosen"
    return "" if rung.losses.is_tolerable else "loses too much"


def _with(model: Model, trees: Any, student: Student) -> Model:
    return replace(model, trees=trees, trees_share=student.settings.trees_share)


def _latency_ms(model: Model, cases: Sequence[Case]) -> float:
    """Return the median milliseconds of processor for the scores of 10,000 tests."""
    rows: list[Row] = []
    for case in reversed(cases):
        rows += case.rows()
        if len(rows) >= N_TESTS:
            break
    columns = list(zip(*(rows * ceil(N_TESTS / len(rows)))[:N_TESTS], strict=True))
    times = []
    for _ in range(_ROUNDS):
        started_s = clock.process_time()
        model.scores_of(columns)
        times.append((clock.process_time() - started_s) * 1000.0)
    return median(times)
