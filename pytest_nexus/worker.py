"""Registers the session objects of a worker of xdist.

Apart from `pytest_nexus.registration`: each worker imports this before its first test, so what only
the controller needs (history, plan, journal, git) must not come with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from pytest_nexus.record.observer import WorkerObserver
from pytest_nexus.run.workers import CHANNEL, REPEATS, WorkerDescriber

if TYPE_CHECKING:
    import pytest


def register_worker(config: pytest.Config) -> None:
    """Register what a worker must see for the controller."""
    config.pluginmanager.register(WorkerObserver(config.rootpath), "nexus-observer")
    told = cast("Any", config).workerinput["nexus"]
    channel = told.get(CHANNEL)
    if channel is not None:
        config.pluginmanager.register(WorkerDescriber(channel), "nexus-describer")
    if told.get(REPEATS):
        register_repeating(config)


def register_repeating(config: pytest.Config) -> None:
    """Register what lets a worker run a test more than once."""
    from pytest_nexus import pytest_seam  # noqa: PLC0415 - where tests are repeated
    from pytest_nexus.run.engines import foreign_tests  # noqa: PLC0415 - likewise
    from pytest_nexus.run.markers import DESCRIPTION  # noqa: PLC0415 - likewise
    from pytest_nexus.run.sent_rules import RuleSender  # noqa: PLC0415 - likewise
    from pytest_nexus.run.stand_in import RepeatingWorker  # noqa: PLC0415 - likewise

    config.addinivalue_line("markers", DESCRIPTION)
    config.pluginmanager.register(RepeatingWorker(pytest_seam.forget_attempt), "nexus-repeating")
    config.pluginmanager.register(RuleSender(foreign_tests(config)), "nexus-rules")
