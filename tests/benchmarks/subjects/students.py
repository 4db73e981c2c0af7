"""Small trees for sessions beside the large trees that teach them."""

from __future__ import annotations

import os
from functools import partial
from importlib.util import find_spec
from itertools import pairwise
from math import ceil
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from pytest_nexus.predictor.evaluation.losses import TOLERANCE
from pytest_nexus.predictor.model.document import load
from pytest_nexus.predictor.model.model import Model
from pytest_nexus.predictor.training.champion import own_weights
from pytest_nexus.predictor.training.distillation import exported
from pytest_nexus.predictor.training.ladder import SIZES, Fold, climb, judged
from pytest_nexus.predictor.training.settings import DEFAULTS

from pytest_nexus.backtest.lessons import lessons_of_recorded
from pytest_nexus.backtest.walk_forward import MAX_CASES
from pytest_nexus.forecast import forecaster
from tests.benchmarks.peers import ROOT, NotInstalledError
from tests.benchmarks.sampling import cost
from tests.benchmarks.subjects.ci_histories import replayed_cases
from tests.benchmarks.table import Table, at_least, within

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_nexus.predictor.evaluation.evaluate import Case
    from pytest_nexus.predictor.training.distillation import Boosted

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.table import Cell

TITLE = "students: trees of all sizes against their teacher, and the size that the ladder chooses"

LEAST_TIMES: Final = 10.0
"""Comparisons of the teacher over those of the student."""
_DATES: Final = (0.5, 0.625, 0.75, 0.875, 1.0)
"""At each of these shares of the runs but the last, models are fitted; later runs judge them."""
_N_TESTS: Final = 10_000


def measure(bench: Bench) -> list[Table]:
    """Judge students on the recorded builds, and on the histories in the folder CI_HISTORIES."""
    recorded = lessons_of_recorded(ROOT / "sample_history").cases
    tables = [_table("sample_history", recorded, bench)]
    folder = os.environ.get("CI_HISTORIES")
    if folder and not bench.is_quick:
        tables += [_table(name, cases, bench) for name, cases in _histories(Path(folder))]
    return tables


def _histories(folder: Path) -> Iterator[tuple[str, list[Case]]]:
    if find_spec("pyarrow") is None:
        raise NotInstalledError("pyarrow is not installed in this environment")
    wanted = os.environ.get("CI_HISTORIES_ONLY", "")
    for path in sorted(path.parent for path in folder.glob("*/runs.parquet")):
        if not wanted or path.name in wanted.split(","):
            yield path.name, replayed_cases(path)


def _table(name: str, cases: Sequence[Case], bench: Bench) -> Table:
    fit = partial(own_weights, load(forecaster.prior()))
    edges = [int(len(cases) * share) for share in _DATES]
    sizes = SIZES[:2] if bench.is_quick else SIZES
    folds, chosen, words = [], [], []
    for start, end in pairwise(edges):
        past = cases[max(0, start - MAX_CASES) : start]
        ladder = climb(past, fit, 0, sizes)
        folds.append(Fold.of(past, cases[start:end], fit, 0))
        rung = ladder.smallest if ladder else None
        teacher = folds[-1].teacher
        chosen.append(teacher.boosted if rung is None else teacher.student(rung.size))
        words.append("teacher" if rung is None else str(rung.size))
    of_teacher = _row("teacher, 60x8", [fold.teacher.boosted for fold in folds], folds, bench)
    auto = _row(f"auto: {', '.join(words)}", chosen, folds, bench)
    rows = [of_teacher, auto]
    for size in sizes:
        students = [fold.teacher.student(size) for fold in folds]
        rows.append(_row(str(size), students, folds, bench))
    for row in rows[1:]:
        row["times fewer"] = float(str(of_teacher["comparisons"])) / float(str(row["comparisons"]))
    auto["budget"] = "; ".join(
        (
            within(max(0.0, -float(str(auto["APFDc"]))), TOLERANCE.apfdc, "APFDc lost"),
            at_least(float(str(auto["times fewer"])), LEAST_TIMES, "times fewer"),
        )
    )
    n_judged = sum(len(fold.held) for fold in folds)
    note = (
        f"{len(cases)} failing runs, the last {n_judged} judge. At four dates the trees are fitted"
        " to the runs before, `auto` chooses by these alone, and the runs up to the next date"
        " judge. Figures are differences to the teacher, beside the same odds product; AUC is the"
        " mean over runs, skill is 1 - log loss / log loss of the failure rate, and log loss is"
        " relative to the teacher. `cpu ms`: scores of 10,000 tests."
    )
    return Table(name, rows, note)


def _row(
    name: str, students: Sequence[Boosted], folds: Sequence[Fold], bench: Bench
) -> dict[str, Cell]:
    comparisons, losses = judged(students, folds)
    return {
        "trees": name,
        "comparisons": comparisons,
        "times fewer": None,
        "APFDc": round(0.0 - losses.apfdc, 4),
        "AUC": round(0.0 - losses.auc, 4),
        "skill": round(0.0 - losses.skill, 4),
        "its error": round(losses.skill_error, 4),
        "log loss, %": round(100 * losses.log_loss, 2),
        "cpu ms": _cpu_ms(students[-1], folds[-1], bench),
    }


def _cpu_ms(boosted: Boosted, fold: Fold, bench: Bench) -> float:
    rows = fold.held[-1][0].rows()
    batch = (rows * ceil(_N_TESTS / len(rows)))[:_N_TESTS]
    columns = list(zip(*batch, strict=True))
    model = Model(fold.own.weights, exported(boosted), DEFAULTS.trees_share)
    times = [cost(lambda: model.scores_of(columns)).cpu_s for _ in range(bench.size(9, 1))]
    return median(times) * 1000
