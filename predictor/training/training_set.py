"""The runs that a training learns from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..evaluation.evaluate import Case
    from ..features.rows import Row
    from .weights import FailedRun


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """The data that a history provides for training."""

    cases: Sequence[Case]
    """Failing runs, in time order."""
    quiet: Sequence[tuple[Row, float]] = ()
    """Rows of tests of runs without a failure, each with the number of tests that it represents."""
    earlier: Sequence[FailedRun] = ()
    """Samples of failing runs before the cases, in time order: all failing tests, some others."""
    source: Mapping[str, Any] = field(default_factory=dict)
    """Description of the runs for the lineage: `name`, `first_run`, `last_run`, `from`, `to`..."""


def place_after(runs: Sequence[str], name: object) -> int:
    """Return the position after a run, in time order; 0 if it is not among the runs.

    >>> place_after(["a", "b", "c"], "b"), place_after(["a"], None)
    (2, 0)
    """
    return max((at for at, run in enumerate(runs, 1) if run == name), default=0)
