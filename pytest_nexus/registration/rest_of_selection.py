"""Register what runs the rest of a selection: left out tests, after another test has failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pytest

    from pytest_nexus.run.rest_of_tests import RestOfTests, RestOnWorkers
    from pytest_nexus.session.pipeline import Pipeline

_PART: Final = "the rest of the selection"
_OTHERWISE: Final = "these tests stay left out"


def runs_rest(pipeline: Pipeline) -> bool:
    """Return whether tests that are left out run after all if a test fails.

    A shard does not know the failures of other shards, and a job of a queue not those of others.
    A single shard is the whole suite.
    """
    setup = pipeline.setup
    is_whole = setup.share is None or setup.share.n_shards == 1
    is_asked = setup.options.select != "off" and setup.options.select_rest == "after-failure"
    return is_asked and is_whole and not setup.is_queued


def rest_of_session(pipeline: Pipeline) -> RestOfTests | None:
    """Return what keeps the tests that run after all if a test fails; None if none can."""
    if not runs_rest(pipeline):
        return None
    from pytest_nexus.run.rest_of_tests import RestOfTests  # noqa: PLC0415 - as asked for

    return RestOfTests(pipeline)


def rest_on_workers(config: pytest.Config, pipeline: Pipeline) -> RestOnWorkers | None:
    """Return what decides whether left out tests run after all; None if none can."""
    if not runs_rest(pipeline):
        return None
    from pytest_nexus.run.rest_of_tests import RestOnWorkers  # noqa: PLC0415 - as asked for

    rest = RestOnWorkers(pipeline)
    pipeline.boundary.part(_PART, _OTHERWISE).register(config, rest, "nexus-rest")
    return rest


def register_rest(config: pytest.Config, pipeline: Pipeline, rest: RestOfTests | None) -> None:
    """Register the rest of a single process in which no test is repeated."""
    if rest is None:
        return
    from pytest_nexus.run.rest_of_tests import RestForPlainLoop  # noqa: PLC0415 - as asked for

    part = pipeline.boundary.part(_PART, _OTHERWISE)
    part.register(config, RestForPlainLoop(rest), "nexus-rest")
