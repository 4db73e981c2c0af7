"""Describe the origin of a model version, in the field names of OpenLineage and MLflow."""

from __future__ import annotations

import platform
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.system.memory import peak_mib
from pytest_nexus.predictor.evaluation.evidence import odds_needed
from pytest_nexus.predictor.training import champion, distillation

if TYPE_CHECKING:
    from pytest_nexus.predictor.training.champion import Outcome
    from pytest_nexus.predictor.training.training_set import TrainingSet

_PACKAGES: Final = ("numpy", "pandas", "scipy", "sklearn")


def lineage_of(lessons: TrainingSet, digest: str, seed: int) -> dict[str, Any]:
    """Return job, inputs, parameters and tags of one training, for JSON.

    `last_run` is the newest failing run in the training set.

    Args:
        lessons: the training set.
        digest: of its rows.
        seed: as given by the user.
    """
    source = dict(lessons.source)
    commit = source.pop("commit", None)
    failures = sum(sum(case.failed) for case in lessons.cases)
    return {
        "last_run": lessons.cases[-1].name if lessons.cases else None,
        "job": {"namespace": "pytest-nexus", "name": "nexus train"},
        "inputs": [
            {
                "namespace": "pytest-nexus",
                "name": source.pop("name", "history"),
                "facets": {
                    "version": {"datasetVersion": digest},
                    "dataQualityMetrics": {
                        "rowCount": sum(len(case.failed) for case in lessons.cases),
                        "failures": failures,
                        "failing_runs": len(lessons.cases),
                        "rows_of_other_runs": len(lessons.quiet),
                    },
                    "span": source,
                },
            }
        ],
        "params": {
            "seed": seed,
            **champion.PARAMETERS,
            **{f"teacher.{name}": value for name, value in distillation.TEACHER.items()},
            **{f"student.{name}": value for name, value in distillation.STUDENT.items()},
        },
        "tags": {
            "mlflow.source.name": "nexus train",
            "mlflow.source.git.commit": commit,
            "python": platform.python_version(),
            **{name: import_module(name).__version__ for name in _PACKAGES},
        },
    }


def metrics_of(outcome: Outcome, seconds: float) -> dict[str, Any]:
    """Return the metrics of one training, including its cost, for JSON."""
    ours, theirs = outcome.apfdc or (None, None)
    contest = outcome.contest
    return {
        "apfdc": ours,
        "apfdc_incumbent": theirs,
        "candidate": outcome.chosen,
        "judged_runs": contest.challenger.n,
        "gain": contest.gain,
        "odds": contest.evidence.odds,
        "odds_needed": odds_needed(contest.number),
        **outcome.learned,
        "training_s": round(seconds, 2),
        "peak_memory_mib": peak_mib(),
    }
