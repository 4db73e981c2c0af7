"""Register what runs the rest of a selection: left out tests, after another test has failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pytest

    from pytest_nexus.run.rest_of_tests import RestOfTests, RestOnWorkers
    from pytest_nexus.run.xdist.worker_reruns import WorkerReruns
    from pytest_nexus.session.pipeline import Pipeline

_PART: Final = "the rest of the selection"
_OTHERWISE: Final = "these tests stay left out"


def runs_rest(pipeline: Pipeline) -> bool:
    """Return whether tests that are left out run after all if a test fails.

    A shard runs its own part of them; it does not know the failures of other shards. A job of a
    queue has no part of its own.
    """
    setup = pipeline.setup
    pinned = None if setup.share is None else setup.share.pinned
    selects = setup.options.select != "off" or (pinned is not None and pinned.selected is not None)
    return selects and setup.options.select_rest == "after-failure" and not setup.is_queued


def rest_of_session(pipeline: Pipeline) -> RestOfTests | None:
    """Return what keeps the tests that run after all if a test fails; None if none can."""
    if not runs_rest(pipeline):
        return None
    from pytest_nexus.run.rest_of_tests import RestOfTests  # noqa: PLC0415 - as asked for

    return RestOfTests(pipeline)


def rest_on_workers(
    config: pytest.Config, pipeline: Pipeline, reruns: WorkerReruns
) -> RestOnWorkers | None:
    """Return what decides whether left out tests run after all; None if none can."""
    if not runs_rest(pipeline):
        return None
    from pytest_nexus.run.rest_of_tests import RestOnWorkers  # noqa: PLC0415 - as asked for

    rest = RestOnWorkers(pipeline, lambda: reruns.has_waiting)
    pipeline.boundary.part(_PART, _OTHERWISE).register(config, rest, "nexus-rest")
    return rest


def register_rest(config: pytest.Config, pipeline: Pipeline, rest: RestOfTests | None) -> None:
    """Register the rest of a single process in which no test is repeated."""
    if rest is None:
        return
    from pytest_nexus.run.rest_of_tests import RestForPlainLoop  # noqa: PLC0415 - as asked for

    part = pipeline.boundary.part(_PART, _OTHERWISE)
    part.register(config, RestForPlainLoop(rest), "nexus-rest")
