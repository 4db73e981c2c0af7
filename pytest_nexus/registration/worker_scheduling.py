"""Register the objects between xdist's controller and its workers; loaded only under xdist."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_nexus.domain.system.gc_pause import paused_gc
from pytest_nexus.errors import with_code
from pytest_nexus.registration.reruns import reruns_part
from pytest_nexus.registration.rest_of_selection import rest_on_workers
from pytest_nexus.registration.worker import TRACKS
from pytest_nexus.run.ordering import chosen_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.domain.records import CollectedTest, Plan
    from pytest_nexus.plan.dispatch.units import Workload
    from pytest_nexus.record.recorder import Recorder
    from pytest_nexus.run.rest_of_tests import RestOnWorkers
    from pytest_nexus.run.shared_queue.queue_access import QueueJob
    from pytest_nexus.run.xdist.worker_reruns import WorkerReruns
    from pytest_nexus.session.pipeline import Pipeline

_NO_SELECTION: Final = with_code(
    "NX237",
    "all tests run: nexus_select under xdist needs nexus_dist to be 'auto', got 'off'",
)


class WorkerInput:
    """Sends the controller's decisions to each xdist worker.

    Args:
        tracks_beside: the history beside which a worker keeps the blocks of files; empty if no
            dependencies are tracked.
    """

    def __init__(self, tracks_beside: str = "") -> None:
        self._tracks_beside = tracks_beside

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Called on the controller for each worker before it starts."""
        told = node.workerinput.setdefault("nexus", {})
        told["root"] = str(node.config.rootpath)
        if self._tracks_beside:
            told[TRACKS] = self._tracks_beside


class Preparation:
    """Prepares the plan while the workers collect; called where xdist's controller waits."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodeready(self) -> None:
        """Prepare the plan; called for each worker when it is up and about to collect."""
        self.pipeline.prepare()


def register_controller(
    config: pytest.Config,
    pipeline: Pipeline,
    recorder: Recorder,
    reruns: WorkerReruns | None = None,
    job: QueueJob | None = None,
) -> None:
    """Register the objects between xdist's controller and its workers.

    Raises:
        pytest.UsageError: the tests of a shard cannot be chosen where xdist schedules them.
    """
    from pytest_nexus.compat.xdist_internals import are_local  # noqa: PLC0415 - likewise
    from pytest_nexus.run.xdist.message_batches import Inbox  # noqa: PLC0415 - where xdist runs

    part = pipeline.boundary.part("scheduling", "xdist's workers get what is left as they are free")
    options = pipeline.setup.options
    tracks_beside = str(options.history) if options.dependencies else ""
    part.register(config, WorkerInput(tracks_beside), "nexus-worker-input")
    if are_local(config):
        packing = pipeline.boundary.part("packing", "workers send their reports one by one")
        packing.register(config, Inbox(), "nexus-inbox")
    if pipeline.setup.options.dist == "off":
        if pipeline.setup.share is not None:
            raise pytest.UsageError(
                with_code(
                    "NX105", "nexus_shard under xdist needs nexus_dist to be 'auto', got 'off'"
                )
            )
        if pipeline.setup.options.select != "off":
            pipeline.notices.notify(_NO_SELECTION)
        return
    from pytest_nexus.run.xdist.collection_channel import CollectionChannels  # noqa: PLC0415 - likewise
    from pytest_nexus.run.xdist.scheduler_factory import SchedulerFactory  # noqa: PLC0415 - where xdist runs

    channels = CollectionChannels()
    rest = rest_on_workers(config, pipeline, reruns) if reruns is not None else None
    planner = partial(workload, pipeline, config, reruns, rest)
    repeater = reruns.repeater if reruns is not None else None
    learns = pipeline.setup.options.order == "risk"
    learning = pipeline.learning if learns else None
    notify = pipeline.notices.notify
    releases = rest.release if rest is not None else None
    factory = SchedulerFactory(
        planner, channels, notify, repeater, part, learning, releases_rest=releases
    )
    if job is not None:
        from pytest_nexus.registration.queued import register_queue_controller  # noqa: PLC0415 - as asked for

        factory.draw_from(register_queue_controller(config, pipeline, job, recorder, part).feed)
    if reruns is not None:
        part.on_failure.append(reruns_part(pipeline.boundary).switch_off)
    part.register(config, Preparation(pipeline), "nexus-preparation")
    part.register(config, channels, "nexus-channels")
    part.register(config, factory, "nexus-scheduler")


def not_run(plan: Plan, ours: Sequence[int]) -> list[str]:
    """Return the node ids of the tests that are left out, in collection order."""
    running = frozenset(ours)
    return [
        one.test.nodeid
        for index, one in enumerate(plan.tests)
        if one.verdict.action != "run" and index not in running
    ]


def workload(
    pipeline: Pipeline,
    config: pytest.Config,
    reruns: WorkerReruns | None,
    rest: RestOnWorkers | None,
    tests: Sequence[CollectedTest],
    tied: Sequence[CollectedTest],
) -> Workload:
    """Return the workload of the workers, in the order of the plan.

    Args:
        pipeline: of the session.
        config: of the controller.
        reruns: repeats the tests; None if no test may be repeated.
        rest: the tests that run after all if a test fails; None if none does.
        tests: the tests to plan.
        tied: the same tests, tied by the mode of distribution.
    """
    from pytest_nexus.compat.xdist_internals import show_deselected  # noqa: PLC0415 - where xdist runs
    from pytest_nexus.plan.dispatch.units import make_workload  # noqa: PLC0415 - likewise

    if reruns is not None:
        reruns.begin(tests)
    with paused_gc():
        plan = pipeline.plan(tests, chosen_order(pipeline, config))
        durations = [planned.forecast.duration_s for planned in plan.tests]
        ours = pipeline.ours(plan)
        show_deselected(config, not_run(plan, ours))
        bound = pipeline.bind(tied)
        for listener in pipeline.of_queue:
            listener(bound, plan)
        work = make_workload(bound, ours, durations, plan.setups)
        if rest is not None and rest.indices:
            later = make_workload(bound, rest.indices, durations, plan.setups)
            work = work.with_rest(later)
        return work if pipeline.live is None else replace(work, moves=pipeline.live.moves)
