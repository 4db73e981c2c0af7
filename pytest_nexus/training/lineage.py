"""Describe the origin of a model version, in the field names of OpenLineage and MLflow."""

from __future__ import annotations

import platform
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.system.memory import peak_mib
from pytest_nexus.predictor.evaluation.evidence import odds_needed
from pytest_nexus.predictor.model.document import dump, version
from pytest_nexus.predictor.training import champion, distillation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_nexus.predictor.training.champion import Outcome
    from pytest_nexus.predictor.training.search import Found
    from pytest_nexus.predictor.training.training_set import TrainingSet

_PACKAGES: Final = ("numpy", "pandas", "scipy", "sklearn")


def lineage_of(
    lessons: TrainingSet, digest: str, given: Mapping[str, Any], outcome: Outcome
) -> dict[str, Any]:
    """Return job, inputs, parameters and tags of one training, for JSON.

    `last_run` is the newest failing run in the training set.

    Args:
        lessons: the training set.
        digest: of its rows.
        given: the seed, and what a search found.
        outcome: of the training.
    """
    source = dict(lessons.source)
    commit = source.pop("commit", None)
    failures = sum(sum(case.failed) for case in lessons.cases)
    size = outcome.student.size if outcome.student else distillation.STUDENT_SIZE
    settings = outcome.settings
    return {
        **teacher_of(outcome),
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
                        "sampled_failing_runs": len(lessons.earlier),
                        "rows_of_other_runs": len(lessons.quiet),
                    },
                    "span": source,
                },
            }
        ],
        "params": {
            **given,
            **champion.PARAMETERS,
            "settings": settings.changed,
            "pull": settings.pull,
            "trees_share": settings.trees_share,
            **{f"teacher.{name}": value for name, value in settings.teacher.items()},
            "student.learning_rate": settings.student_rate,
            "student.min_samples_leaf": distillation.STUDENT_LEAST,
            "student.max_iter": size.trees,
            "student.max_leaf_nodes": size.leaves,
        },
        "tags": {
            "mlflow.source.name": "nexus train",
            "mlflow.source.git.commit": commit,
            "python": platform.python_version(),
            **{name: import_module(name).__version__ for name in _PACKAGES},
        },
    }


def searched_of(found: Found | None) -> dict[str, Any]:
    """Return what a search found, for lineage and card; empty without a search.

    The backend and the number of workers are left out: they change nothing.
    """
    if found is None:
        return {}
    return {
        "search": {
            "candidates": len(found.judged) - 1,
            "winner": found.winner,
            "is_better": found.is_better,
            "gain": round(found.gains[found.winner], 4),
            "runs": found.n_runs,
            "last_run": found.searched_to,
        }
    }


def teacher_of(outcome: Outcome) -> dict[str, str]:
    """Return the size of the student, and the version name of its teacher; empty without trees.

    The teacher is the same model with the large trees. It is not stored: the lineage has what is
    needed to train it again.
    """
    student = outcome.student
    if student is None or not outcome.model.trees:
        return {}
    teacher = replace(outcome.model, trees=student.teacher, card={})
    return {"student": str(student.size), "teacher": version(dump(teacher))}


def metrics_of(outcome: Outcome, cost: Mapping[str, float]) -> dict[str, Any]:
    """Return the metrics of one training, for JSON.

    Args:
        outcome: of the training.
        cost: its seconds, and the figures of its student.
    """
    ours, theirs = outcome.apfdc or (None, None)
    contest = outcome.contest
    measured = dict(cost) if outcome.model.trees else {"training_s": cost["training_s"]}
    return {
        "apfdc": ours,
        "apfdc_incumbent": theirs,
        "candidate": outcome.chosen,
        "judged_runs": contest.challenger.n,
        "gain": contest.gain,
        "odds": contest.evidence.odds,
        "odds_needed": odds_needed(contest.number),
        **outcome.learned,
        **measured,
        "peak_memory_mib": peak_mib(),
    }
