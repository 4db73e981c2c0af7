"""Find the model that regular calls of `nexus train` would have deployed at each time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_nexus.predictor.evaluation.balance import chosen_balance
from pytest_nexus.predictor.evaluation.relapse import Relapse, relapse
from pytest_nexus.predictor.model.model import BALANCE
from pytest_nexus.predictor.training.champion import MIN_FAILED_RUNS, train
from pytest_nexus.predictor.training.contest import SHIPPED, Contest
from pytest_nexus.predictor.training.training_set import TrainingSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.predictor.evaluation.evaluate import Case
    from pytest_nexus.predictor.model.model import Model

GROWTH: Final = 1.1
"""A training is due when the number of failing runs has grown by a tenth since the last one."""

MAX_CASES: Final = 200
"""A training uses this many failing runs, the most recent ones."""


class Deployments(NamedTuple):
    """The models that a history had deployed over time."""

    models: list[Model]
    """The model before each case, with the balance that the trainings before it had chosen."""
    n_deployed: int
    """Number of trainings that deployed a model."""
    n_taken_back: int
    """Number of models that were taken back."""
    story: list[str]
    """One line for each training and each model that was taken back."""


class _Registry:
    """The deployed model and what a registry would know of it."""

    def __init__(self, prior: Model) -> None:
        self.prior = self.deployed = self._parent = prior
        self.n_deployed = self.n_taken_back = 0
        self.story: list[str] = []
        self.balance = BALANCE
        self._contest: Contest | None = None
        self._since: list[Case] = []

    def judge(self, case: Case) -> None:
        """Judge the deployed model by one more failing run."""
        if self.deployed is self.prior:
            return
        self._since.append(case)
        others = {SHIPPED: self.prior}
        if self._parent is not self.prior:
            others = {"model before": self._parent, **others}
        found: Relapse | None = relapse(self.deployed, others, self._since)
        if found is not None:
            self.story.append(f"taken back: {found.sentence}")
            self.n_taken_back += 1
            self._deploy(others[found.other], self.prior)

    def train(self, past: Sequence[Case]) -> None:
        """Train on the past, and deploy the model if it proves better."""
        found = train(TrainingSet(past), self.deployed, self.prior, contest=self._contest)
        self._contest = found.contest
        self.balance = chosen_balance(past, self.prior).balance
        fate = "deployed" if found.is_better else "kept as challenger"
        self.story.append(f"{fate}: {found.reason}")
        if found.is_better:
            self.n_deployed += 1
            is_back = found.chosen == SHIPPED
            self._deploy(self.prior if is_back else found.model, self.deployed)

    def _deploy(self, model: Model, parent: Model) -> None:
        self.deployed, self._parent, self._since = model, parent, []
        if self._contest is not None:
            self._contest = self._contest.renewed()


def deployed_over_time(
    cases: Sequence[Case], prior: Model, teaches: Sequence[bool] | None = None
) -> Deployments:
    """Return the model deployed before each case.

    Each training uses only the cases before it. After each case the deployed model is judged.

    Args:
        cases: in time order.
        prior: the model that is deployed at first.
        teaches: selects the cases that enter the history; None for all cases.
    """
    registry = _Registry(prior)
    past: list[Case] = []
    models = []
    due = float(MIN_FAILED_RUNS)
    for at, case in enumerate(cases):
        if len(past) >= due:
            registry.train(past[-MAX_CASES:])
            due = len(past) * GROWTH
        models.append(replace(registry.deployed, balance=registry.balance))
        if teaches is None or teaches[at]:
            past.append(case)
            registry.judge(case)
    return Deployments(models, registry.n_deployed, registry.n_taken_back, registry.story)
