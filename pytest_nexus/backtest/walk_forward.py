"""Find the model that regular calls of `nexus train` would have deployed at each time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_nexus.predictor.training.champion import MIN_FAILED_RUNS, TrainingSet, train

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.predictor.evaluation.evaluate import Case
    from pytest_nexus.predictor.model.model import Model

GROWTH: Final = 1.1
"""A training is due when the number of failing runs has grown by a tenth since the last one."""

MAX_CASES: Final = 200
"""A training uses this many failing runs, the most recent ones."""


def deployed_over_time(
    cases: Sequence[Case], prior: Model, teaches: Sequence[bool] | None = None
) -> tuple[list[Model], int]:
    """Return the model deployed before each case, and the number of trainings that deployed one.

    Each training uses only the cases before it.

    Args:
        cases: in time order.
        prior: the model that is deployed at first.
        teaches: selects the cases that enter the history; None for all cases.
    """
    deployed, n_deployed = prior, 0
    past: list[Case] = []
    models = []
    due = float(MIN_FAILED_RUNS)
    for at, case in enumerate(cases):
        if len(past) >= due:
            outcome = train(TrainingSet(past[-MAX_CASES:]), deployed, prior)
            due = len(past) * GROWTH
            if outcome.is_better:
                deployed, n_deployed = outcome.model, n_deployed + 1
        models.append(deployed)
        if teaches is None or teaches[at]:
            past.append(case)
    return models, n_deployed
