"""Registers the session objects of a worker of xdist.

Apart from `pytest_nexus.registration`: each worker imports this before its first test, so what only
the controller needs (history, plan, journal, git) must not come with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from pytest_nexus.record.observer import WorkerObserver
from pytest_nexus.run.workers import CHANNEL, MAIL, REPEATS, WorkerDescriber

if TYPE_CHECKING:
    import pytest


def register_worker(config: pytest.Config) -> None:
    """Register what a worker must see for the controller."""
    observer = WorkerObserver(config.rootpath)
    config.pluginmanager.register(observer, "nexus-observer")
    told = cast("Any", config).workerinput["nexus"]
    if told.get(MAIL):
        from pytest_nexus.run.worker_mail import Outbox  # noqa: PLC0415 - where workers are local

        config.pluginmanager.register(Outbox(), "nexus-outbox")
    channel = told.get(CHANNEL)
    if channel is not None:
        config.pluginmanager.register(WorkerDescriber(channel), "nexus-describer")
    if told.get(REPEATS):
        register_repeating(config, observer)


def register_repeating(config: pytest.Config, observer: WorkerObserver) -> None:
    """Register what lets a worker run a test more than once."""
    from pytest_nexus import pytest_seam  # noqa: PLC0415 - where tests are repeated
    from pytest_nexus.run.engines import foreign_tests  # noqa: PLC0415 - likewise
    from pytest_nexus.run.markers import DESCRIPTION  # noqa: PLC0415 - likewise
    from pytest_nexus.run.sent_rules import (  # noqa: PLC0415 - likewise
        ForeignMarker,
        attach_rule,
    )
    from pytest_nexus.run.stand_in import RepeatingWorker  # noqa: PLC0415 - likewise

    config.addinivalue_line("markers", DESCRIPTION)
    config.pluginmanager.register(RepeatingWorker(pytest_seam.forget_attempt), "nexus-repeating")
    observer.on_failure = attach_rule
    is_foreign = foreign_tests(config)
    if is_foreign is not None:
        config.pluginmanager.register(ForeignMarker(is_foreign), "nexus-foreign")
