"""Name the settings of a training that a search may change, with their defaults and bounds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

from ..model.tree_size import TreeSize

if TYPE_CHECKING:
    from collections.abc import Mapping


Wanted: TypeAlias = TreeSize | Literal["auto"] | None
"""Size of the student; `auto` for the smallest that loses next to nothing; None: not asked."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The hyperparameters of one training."""

    pull: float = 5.0
    """Strength of the penalty that pulls the weights towards those of the shipped model."""
    trees_share: float = 0.5
    """Weight of the trees beside the odds product, from 0 to 1."""
    teacher_trees: int = 60
    """Trees of the teacher."""
    teacher_leaves: int = 8
    """Most leaves of each tree of the teacher."""
    teacher_rate: float = 0.08
    """Learning rate of the teacher."""
    teacher_least: int = 20
    """Fewest rows in a leaf of the teacher."""
    teacher_penalty: float = 5.0
    """L2 regularization of the teacher."""
    student_rate: float = 0.5
    """Learning rate of the student."""

    @property
    def teacher_size(self) -> TreeSize:
        """The size of the teacher."""
        return TreeSize(self.teacher_trees, self.teacher_leaves)

    @property
    def teacher(self) -> dict[str, Any]:
        """The parameters of the teacher, by their names in scikit-learn."""
        return {
            "max_iter": self.teacher_trees,
            "learning_rate": self.teacher_rate,
            "max_leaf_nodes": self.teacher_leaves,
            "min_samples_leaf": self.teacher_least,
            "l2_regularization": self.teacher_penalty,
        }

    @property
    def changed(self) -> dict[str, float]:
        """The settings that differ from the defaults, by name."""
        usual = asdict(DEFAULTS)
        return {name: value for name, value in asdict(self).items() if value != usual[name]}

    def __str__(self) -> str:
        """Return the settings that differ from the defaults, for people.

        >>> str(Settings(pull=2.0)), str(Settings())
        ('pull 2', 'the default settings')
        """
        changed = [f"{name.replace('_', ' ')} {value:g}" for name, value in self.changed.items()]
        return ", ".join(changed) or "the default settings"


DEFAULTS: Final = Settings()
"""Settings of a training where no search found better ones."""


class Bounds(NamedTuple):
    """The values that a setting may have."""

    least: float
    most: float
    is_share: bool = False
    """Whether values are drawn evenly; else their logarithms are."""


BOUNDS: Final[Mapping[str, Bounds]] = {
    "pull": Bounds(0.5, 50.0),
    "trees_share": Bounds(0.1, 0.9, is_share=True),
    "teacher_trees": Bounds(20, 64),
    "teacher_leaves": Bounds(4, 32),
    "teacher_rate": Bounds(0.02, 0.3),
    "teacher_least": Bounds(5, 80),
    "teacher_penalty": Bounds(0.5, 50.0),
    "student_rate": Bounds(0.2, 0.8),
}
"""The bounds by setting. A teacher may take the place of its student, so its trees are at most as
many as a model may have."""


def settings_of(stored: object) -> Settings | None:
    """Return the settings that a lineage names; None if it names none, or one out of bounds.

    >>> settings_of({"pull": 2.0}) == Settings(pull=2.0), settings_of({"pull": 1e9})
    (True, None)
    """
    if not isinstance(stored, dict) or not stored.keys() <= BOUNDS.keys():
        return None
    usual = asdict(DEFAULTS)
    for name, value in stored.items():
        bounds = BOUNDS[name]
        is_number = isinstance(value, type(usual[name])) and not isinstance(value, bool)
        if not (is_number and bounds.least <= value <= bounds.most):
            return None
    return Settings(**stored)


class Recipe(NamedTuple):
    """How a training makes its candidates."""

    student: Wanted = None
    """Size of the trees for sessions."""
    settings: Settings = DEFAULTS
    searched_to: str = ""
    """Name of the last run that a search for these settings has seen; empty without a search."""
