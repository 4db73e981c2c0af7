"""Speed up a test suite: record its runs, learn from them, order, shard and rerun its tests."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from pytest_nexus.api import *  # noqa: F403 - the names are those of its `__all__`

__version__ = "0.1.0"

DISTRIBUTION = "pytest-nexus-ci"
"""Tells this package from the unrelated project on PyPI that has the same import name."""

__all__ = [  # noqa: F405 - defined when asked for
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


def __getattr__(name: str) -> "Any":
    """Load the API when one of its names is first used.

    Raises:
        AttributeError: the API has no such name.
    """
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pytest_nexus import api  # noqa: PLC0415 - a session that asks for nothing pays nothing

    return getattr(api, name)


def __dir__() -> list[str]:
    """Return the names of the API and those of the module."""
    return sorted({*globals(), *__all__})
