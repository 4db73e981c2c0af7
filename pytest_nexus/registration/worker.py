"""Register the session objects of a worker of xdist.

This module is separate from `registration.controller`, because each worker imports it before its
first test. It must not import what only the controller needs: history, plan, journal, git.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from pytest_nexus.record.observer import WorkerObserver
from pytest_nexus.record.processor_use import WorkerMeter
from pytest_nexus.run.xdist.collection_channel import CHANNEL, MAIL, REPEATS, WorkerDescriber
from pytest_nexus.session.error_boundary import ErrorBoundary
from pytest_nexus.session.hooks.user_hooks import UserHooks

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from pytest_nexus.session.error_boundary import Part


TRACKS: Final = "tracks"
"""Key of the history beside which a worker that tracks dependencies keeps the blocks of files."""


def register_worker(config: pytest.Config) -> None:
    """Register the observers that a worker needs for the controller."""
    boundary = ErrorBoundary()
    boundary.register(config)
    told = cast("Any", config).workerinput["nexus"]
    on_failure = failure_listener(boundary) if told.get(REPEATS) else None
    observer = WorkerObserver(config.rootpath, on_failure)
    part = boundary.part("recording in a worker", "less is known of its tests")
    part.register(config, observer, "nexus-observer")
    part.on_failure.append(observer.failures.clear)
    metering = boundary.part("measuring processor time", "the energy of this run is not known")
    metering.register(config, WorkerMeter(), "nexus-meter")
    flush = register_outbox(config, boundary) if told.get(MAIL) else None
    if told.get(TRACKS):
        from pytest_nexus.registration.tracking import register_worker_tracking  # noqa: PLC0415 - where asked for

        register_worker_tracking(config, boundary, told[TRACKS])
    channel = told.get(CHANNEL)
    if channel is not None:
        describing = boundary.part(
            "describing the tests", "fixtures and groups are not kept together"
        )
        describing.register(
            config, WorkerDescriber(channel, UserHooks(config, boundary)), "nexus-describer"
        )
    if told.get(REPEATS):
        register_repeating(config, boundary, flush)


def repeating_part(boundary: ErrorBoundary) -> Part:
    """Return the part of the ErrorBoundary for the reruns of a worker."""
    return boundary.part(
        "rerunning in a worker", "tests may be repeated where an attempt left traces"
    )


def failure_listener(boundary: ErrorBoundary) -> Callable[..., Any]:
    """Return a function that attaches the rerun rule of a test's marker to its failed report."""
    from pytest_nexus.run.xdist.marker_channel import attach_rule  # noqa: PLC0415 - where tests are repeated

    return repeating_part(boundary).cover(attach_rule)


def register_outbox(config: pytest.Config, boundary: ErrorBoundary) -> Callable[[], None]:
    """Register the Outbox, which packs a worker's reports; return its function `flush`."""
    from pytest_nexus.run.xdist.message_batches import Outbox  # noqa: PLC0415 - where workers are local

    outbox = Outbox()
    part = boundary.part("packing in a worker", "its reports are sent one by one")
    part.register(config, outbox, "nexus-outbox")
    return outbox.flush


def register_repeating(
    config: pytest.Config,
    boundary: ErrorBoundary,
    flush: Callable[[], None] | None = None,
) -> None:
    """Register the objects that let a worker run a test more than once.

    Args:
        config: of the worker.
        boundary: the ErrorBoundary of the worker.
        flush: sends the reports that the worker holds back.
    """
    from pytest_nexus.run.reruns.markers import DESCRIPTION  # noqa: PLC0415 - likewise
    from pytest_nexus.run.reruns.other_engines import foreign_tests  # noqa: PLC0415 - likewise
    from pytest_nexus.run.xdist.marker_channel import ForeignMarker  # noqa: PLC0415 - likewise
    from pytest_nexus.run.xdist.maxfail_worker import BRAKE, LimitedWorker  # noqa: PLC0415 - where tests are repeated
    from pytest_nexus.run.xdist.placeholder import RepeatingWorker  # noqa: PLC0415 - likewise

    config.addinivalue_line("markers", DESCRIPTION)
    part = repeating_part(boundary)
    channel = cast("Any", config).workerinput["nexus"].get(BRAKE)
    braked = LimitedWorker(channel, flush) if channel is not None else None
    if braked is not None:
        part.register(config, braked, "nexus-braked")
    around = braked.run if braked is not None else None
    repeating = RepeatingWorker(around)
    part.register(config, repeating, "nexus-repeating")
    is_foreign = foreign_tests(config)
    if is_foreign is not None:
        part.register(config, ForeignMarker(is_foreign), "nexus-foreign")
