"""Choose the size of the student, train it, and say how it compares with its teacher."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from .distillation import STUDENT_SIZE, exported, taught, teach
from .ladder import SIZES, climb
from .run_sample import Sampled
from .settings import DEFAULTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..evaluation.evaluate import Case
    from ..model.tree import Tree
    from ..model.tree_size import TreeSize
    from .ladder import Fit, Ladder
    from .settings import Settings, Wanted
    from .weights import FailedRun


AUTO: Final = "auto"
_NAMES: Final = {
    "apfdc": "student_apfdc_loss",
    "auc": "student_auc_loss",
    "skill": "student_skill_loss",
    "log_loss": "student_log_loss_increase",
}
"""Names of the losses among the metrics of a version."""


@dataclass(frozen=True, slots=True)
class Student:
    """The trees for sessions, and the teacher that they imitate."""

    size: TreeSize
    trees: tuple[Tree, ...]
    teacher: tuple[Tree, ...]
    """The same trees as `trees` if every student lost too much."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """Comparisons per test, distance, and losses as far as they were measured."""
    ladder: Ladder | None = None
    """The sizes that were tried; None if no size was asked for, or with too few runs."""
    settings: Settings = DEFAULTS
    """Of the teacher and the student."""

    @property
    def is_teacher(self) -> bool:
        """Whether sessions evaluate the teacher itself."""
        return self.size == self.settings.teacher_size


def student_of(
    cases: Sequence[Case],
    samples: Sequence[FailedRun],
    fit: Fit,
    seed: int,
    wanted: Wanted,
    settings: Settings = DEFAULTS,
) -> Student:
    """Return a student that is fitted to all cases.

    Args:
        cases: failing runs in time order. The ladder chooses by those that no tree has seen.
        samples: the samples of these runs, and of earlier ones.
        fit: fits the odds product beside the trees.
        seed: of the trees and the samples.
        wanted: the size.
        settings: of the trees.
    """
    sizes = SIZES if wanted == AUTO else [wanted] if wanted else ()
    ladder = climb(cases, fit, seed, sizes, settings) if sizes else None
    size = _chosen(ladder, wanted, settings)
    sampled = Sampled.of(samples)
    teacher = teach(sampled.rows, sampled.failed, seed, sampled.weights, settings)
    trees, figures = taught(teacher, size)
    figures |= _losses(ladder, size)
    return Student(size, trees, exported(teacher.boosted), figures, ladder, settings)


def _chosen(ladder: Ladder | None, wanted: Wanted, settings: Settings) -> TreeSize:
    if wanted and wanted != AUTO:
        return wanted
    if wanted is None or ladder is None:
        return STUDENT_SIZE
    return settings.teacher_size if ladder.smallest is None else ladder.smallest.size


def _losses(ladder: Ladder | None, size: TreeSize) -> dict[str, float]:
    for rung in ladder.rungs if ladder else ():
        if rung.size == size:
            return {metric: getattr(rung.losses, name) for name, metric in _NAMES.items()}
    return {}
