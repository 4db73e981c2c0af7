"""Build the training set of the recorded builds: failing builds with what was known before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_nexus.backtest.builds import projects
from pytest_nexus.backtest.shipped_model import cases_of
from pytest_nexus.predictor.training.training_set import TrainingSet

if TYPE_CHECKING:
    from pathlib import Path


def lessons_of_recorded(folder: Path) -> TrainingSet:
    """Return the training set: the failing real builds of all recorded projects, in time order."""
    found = [
        (build.run.started_at, name, case)
        for name in projects(folder)
        for build, case in cases_of(folder, name)
        if not build.is_mutant
    ]
    found.sort(key=lambda each: each[:2])
    source: dict[str, Any] = {
        "name": "recorded builds",
        "projects": sorted({name for _, name, _ in found}),
    }
    if found:
        source |= {"from": found[0][0], "to": found[-1][0]}
    return TrainingSet([case for _, _, case in found], source=source)
