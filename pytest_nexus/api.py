"""The stable Python API: the only names that semantic versioning covers.

    from pytest_nexus import read_history

`pytest_nexus` exports every name here. Each name loads its module when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.records import (
    Attempt,
    Change,
    CollectedTest,
    Forecast,
    PhaseResult,
    Plan,
    PlannedTest,
    Run,
    TestStats,
    Verdict,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Literal

    from pytest_nexus.ci.providers import Provider
    from pytest_nexus.deployment.edge import DeployedNode, Deployment, EdgeDeployment
    from pytest_nexus.domain.records import TestKey
    from pytest_nexus.history.store import History, open_history, read_history
    from pytest_nexus.importers.report_values import Imported
    from pytest_nexus.journal.reader import Journal, read_journal
    from pytest_nexus.journal.writer import JournalWriter
    from pytest_nexus.plan.make import Forecaster
    from pytest_nexus.plan.order_dependence.order_rule import OrderRule
    from pytest_nexus.plan.reruns.rerun_policy import Decision
    from pytest_nexus.plan.sharding.document import SavedPlan, load_plan
    from pytest_nexus.predictor.evaluation.metrics import Score
    from pytest_nexus.predictor.model.model import Model
    from pytest_nexus.predictor.training.champion import Outcome
    from pytest_nexus.report.session.sections import Section, SessionSummary

__all__ = [
    "Attempt",
    "Change",
    "CollectedTest",
    "Decision",
    "DeployedNode",
    "Deployment",
    "EdgeDeployment",
    "Forecast",
    "Forecaster",
    "History",
    "Imported",
    "Journal",
    "JournalWriter",
    "PhaseResult",
    "Plan",
    "PlannedTest",
    "Provider",
    "Run",
    "SavedPlan",
    "Section",
    "SessionSummary",
    "TestStats",
    "Verdict",
    "divide",
    "evaluate",
    "load_model",
    "load_plan",
    "make_plan",
    "open_history",
    "read_history",
    "read_journal",
    "save_plan",
    "train",
]

_LATER: Final = {
    "DeployedNode": "deployment.edge",
    "Deployment": "deployment.edge",
    "EdgeDeployment": "deployment.edge",
    "Imported": "importers.report_values",
    "Provider": "ci.providers",
    "Decision": "plan.reruns.rerun_policy",
    "Forecaster": "plan.make",
    "History": "history.store",
    "Journal": "journal.reader",
    "JournalWriter": "journal.writer",
    "Section": "report.session.sections",
    "SessionSummary": "report.session.sections",
    "SavedPlan": "plan.sharding.document",
    "load_plan": "plan.sharding.document",
    "open_history": "history.store",
    "read_history": "history.store",
    "read_journal": "journal.reader",
}
"""The module of each name that is loaded on first use: a conftest may need only one value."""

STABLE: Final = {
    "History": (
        "close", "runs", "count_runs", "stats", "attempts", "attempts_of", "failing", "merge",
        "export", "prune", "check",
    ),
    "JournalWriter": ("create", "collection", "attempt", "end", "close"),
}  # fmt: skip
"""The public methods of classes that have further methods for internal use."""


def __getattr__(name: str) -> Any:
    """Load the object behind a name of the API.

    Raises:
        AttributeError: there is no such name.
    """
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"pytest_nexus.{_LATER[name]}"), name)


def make_plan(
    tests: Sequence[CollectedTest],
    stats: Mapping[TestKey, TestStats],
    change: Change = Change(),  # noqa: B008 - immutable
    *,
    order: Literal["risk", "off"] = "risk",
    rules: Iterable[OrderRule] = (),
) -> Plan:
    """Return the plan of a suite, with forecasts by the shipped model.

    The same arguments give the same plan.

    Args:
        tests: the collected tests, in collection order.
        stats: `History.stats()`; may be empty.
        change: what changed since the base commit.
        order: `risk` runs tests with the most expected failures per second first; `off` keeps the
            given order.
        rules: the values of `History.order_rules.read()`; may be empty.
    """
    from pytest_nexus.forecast import forecaster  # noqa: PLC0415 - a conftest may need one value
    from pytest_nexus.plan import make  # noqa: PLC0415 - the same

    settings = make.PlanSettings(order=order)
    return make.make_plan(tests, stats, change, settings, forecaster.load(), rules)


def divide(plan: Plan, n_shards: int) -> Plan:
    """Return the plan with the shard of each test; all shards take about the same time.

    Args:
        plan: a plan of the whole suite.
        n_shards: at least 1.
    """
    from pytest_nexus.plan.sharding.divide import divide_plan  # noqa: PLC0415 - as above

    return divide_plan(plan, plan.setups, n_shards)[0]


def save_plan(plan: Plan, n_shards: int, run_id: str | None = None) -> str:
    """Return the document of a divided plan, to be followed by `--nexus-plan`.

    Args:
        plan: from `divide`.
        n_shards: the number that `divide` was given.
        run_id: the CI run that follows the plan; None for any run.
    """
    from pytest_nexus.plan.sharding import divide, document  # noqa: PLC0415 - as above

    return document.save_plan(plan, n_shards, divide.inputs_of(plan, plan.setups), run_id)


def load_model(document: str | None = None) -> Model:
    """Return the model that a document describes, or the shipped model for None.

    Args:
        document: the output of `nexus model export`.

    Raises:
        ValueError: the document was modified, or its features are not those of this version.
    """
    from pytest_nexus.forecast.forecaster import prior  # noqa: PLC0415 - as above
    from pytest_nexus.predictor.model.document import load  # noqa: PLC0415 - as above

    return load(prior() if document is None else document)


def train(history: History, incumbent: Model | None = None, seed: int = 0) -> Outcome:
    """Learn a model from a history, and return whether it is better than the incumbent.

    `Outcome.model`, `.is_better` and `.reason` hold the result. Nothing is deployed. Needs the
    extra `train`.

    Args:
        history: a history with attempts.
        incumbent: the model to beat; None for the shipped model.
        seed: seeds the samples and the trees.

    Raises:
        TrainExtraMissingError: the extra is not installed.
    """
    from pytest_nexus.predictor.training import champion  # noqa: PLC0415 - as above
    from pytest_nexus.training.dataset import lessons_of  # noqa: PLC0415 - as above
    from pytest_nexus.training.extra import require_extra  # noqa: PLC0415 - as above

    require_extra()
    shipped = load_model()
    return champion.train(lessons_of(history), incumbent or shipped, shipped, seed)


def evaluate(model: Model, history: History) -> Score:
    """Return the mean metrics of a model's test order over the runs with a failure.

    Args:
        model: from `load_model` or `train`.
        history: a history with attempts. The metrics are fair only for runs that the model did
            not learn from.

    Raises:
        ValueError: the history has no run with a failure.
    """
    from pytest_nexus.predictor.evaluation.evaluate import backtest  # noqa: PLC0415 - as above
    from pytest_nexus.predictor.evaluation.metrics import mean  # noqa: PLC0415 - as above
    from pytest_nexus.training.dataset import lessons_of  # noqa: PLC0415 - as above

    cases = lessons_of(history).cases
    if not cases:
        raise ValueError("the history has no run with a failure")
    return mean(backtest({"model": [model] * len(cases)}, cases)["model"])
