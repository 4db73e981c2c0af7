"""Register the objects of a session that draws its tests from a shared queue."""

from __future__ import annotations

import sys
from os import getpid
from platform import node
from typing import TYPE_CHECKING, Final

import pytest

from pytest_nexus.ci.current_run import ci_run
from pytest_nexus.ci.parallel_jobs import parse_shard, shard_of
from pytest_nexus.domain.safe_text import shown
from pytest_nexus.domain.system import originals
from pytest_nexus.domain.system.originals import urandom
from pytest_nexus.errors import NexusError, OptionError, QueueAwayError, with_code
from pytest_nexus.history.shared_queue.address import open_queue
from pytest_nexus.history.shared_queue.databases import BUSY_S
from pytest_nexus.history.shared_queue.sql_queue import Job
from pytest_nexus.record.run_metadata import is_distributed
from pytest_nexus.run.shared_queue.job_queue import JobQueue
from pytest_nexus.run.shared_queue.queue_access import QueueAccess, QueueJob
from pytest_nexus.run.shared_queue.queue_session import QueueLoop, QueueSession

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_nexus.options import Options
    from pytest_nexus.record.recorder import Recorder
    from pytest_nexus.run.shared_queue.queue_controller import QueueController
    from pytest_nexus.session.error_boundary import Part
    from pytest_nexus.session.notices import Notices
    from pytest_nexus.session.pipeline import Pipeline

_BEATS: Final = 3
"""Heartbeats in the time of a lease."""

_LEAST_ANSWER_S: Final = 1.0
"""A database has that long for one answer, however impatient a job is."""

_MAX_NAME_CHARS: Final = 200

_NOT_SCHEDULED: Final = with_code(
    "NX285", "nexus_queue under xdist needs nexus_dist to be 'auto', got 'off'"
)
_OLD_XDIST: Final = with_code(
    "NX285", "nexus_queue does not support this version of pytest-xdist; use -n 0"
)


def queue_job(config: pytest.Config, options: Options, notices: Notices) -> QueueJob | None:
    """Return this job of the queue; None, with a notice, if the queue is away or not for it.

    A setting in a file also meets sessions of people who want no queue. So a session with workers,
    or outside of a CI, fails only if the command line asks for the queue.

    Raises:
        pytest.UsageError: the address is wrong, or the command line asks for a queue that cannot
            serve this session.
    """
    assert options.queue is not None
    environ = originals.environ
    obstacle = _obstacle(config, options, environ)
    if obstacle and options.sources["nexus_queue"] == "command line":
        raise pytest.UsageError(f"nexus: {obstacle}")
    if obstacle:
        notices.notify(obstacle)
        return None
    try:
        n_workers = workers_of(config)
        run, name = run_id(options, environ), job_name(options, environ)
        n_expected = n_workers * expected_jobs(options, environ)
        job = Job(run, name, urandom(8).hex(), n_workers, n_expected)
        answer_s = min(max(options.queue_patience_s, _LEAST_ANSWER_S), BUSY_S)
        source = open_queue(options.queue, config.rootpath, job, options.queue_lease_s, answer_s)
    except NexusError as exc:
        raise pytest.UsageError(shown(f"nexus: {exc}")) from exc
    try:
        retry = source.join().retry
    except QueueAwayError as exc:
        notices.notify(with_code("NX283", f"this job goes on without the queue: {exc}"))
        return None
    beat_s = options.queue_lease_s / _BEATS
    queue = JobQueue(source, notices.notify, options.queue_patience_s, beat_s, n_workers)
    return QueueJob(source, queue, job.run, job.name, retry)


def _obstacle(config: pytest.Config, options: Options, environ: Mapping[str, str]) -> str:
    """Return why a queue cannot serve this session, in one sentence; empty if it can."""
    if is_distributed(config):
        from pytest_nexus.compat.xdist_internals import CAN_REPEAT  # noqa: PLC0415 - where xdist runs

        if options.dist == "off" or not CAN_REPEAT:
            return _NOT_SCHEDULED if CAN_REPEAT else _OLD_XDIST
    try:
        run_id(options, environ)
    except OptionError as exc:
        return str(exc)
    return ""


def workers_of(config: pytest.Config) -> int:
    """Return how many processes of this job run tests."""
    if not is_distributed(config):
        return 1
    from pytest_nexus.compat.xdist_internals import count_workers  # noqa: PLC0415 - where xdist runs

    return max(count_workers(config), 1)


def static_shard(options: Options, environ: Mapping[str, str]) -> Options:
    """Return the options of a job without its queue: with the shard that its CI numbers."""
    if options.shard is not None or options.plan is not None:
        return options
    try:
        found = shard_of(environ)
    except NexusError:
        found = None
    return options if found is None else options._replace(shard="auto")


def run_id(options: Options, environ: Mapping[str, str]) -> str:
    """Return the id of the run: as given, or that of the CI run, its job and its environment.

    Raises:
        OptionError: there is neither.
    """
    if options.queue_run:
        return options.queue_run[:_MAX_NAME_CHARS]
    run = ci_run(environ)
    if run is None:
        raise OptionError(
            "NX284", "nexus_queue outside a CI needs --nexus-queue-run=ID, the same in all jobs"
        )
    python = ".".join(map(str, sys.version_info[:2]))
    return f"{run.run_id}/{run.job or ''}/{python}-{sys.platform}"[:_MAX_NAME_CHARS]


def job_name(options: Options, environ: Mapping[str, str]) -> str:
    """Return the name of this job: as given, or as its CI numbers it, or of this process."""
    if options.queue_job:
        return options.queue_job[:_MAX_NAME_CHARS]
    try:
        found = shard_of(environ)
    except NexusError:
        found = None
    if found is not None:
        return f"{found[0]}/{found[1]}"
    return f"{node() or 'host'}-{getpid()}-{urandom(3).hex()}"[:_MAX_NAME_CHARS]


def expected_jobs(options: Options, environ: Mapping[str, str]) -> int:
    """Return how many jobs share the queue: as given, or as the shard or the CI says, else 1."""
    if options.queue_expect is not None:
        return options.queue_expect
    try:
        is_given = options.shard is not None and options.shard != "auto"
        found = parse_shard(str(options.shard)) if is_given else shard_of(environ)
    except NexusError:
        found = None
    return 1 if found is None else found[1]


def register_queue(
    config: pytest.Config, pipeline: Pipeline, job: QueueJob, recorder: Recorder, *, has_loop: bool
) -> QueueSession:
    """Register and return the session's part in the queue, and let the recorder write its lines.

    Args:
        config: of the session.
        pipeline: of the session.
        job: this job.
        recorder: of the session.
        has_loop: whether the queue needs a loop, because no test is repeated.
    """
    part = pipeline.boundary.part("the shared queue", "this job runs what is left by itself")
    access = QueueAccess(job, pipeline.notices, recorder.note_queue)
    queued = QueueSession(access)
    part.register(config, queued, "nexus-queue")
    pipeline.on_queue(part.cover(access.prepare))
    if has_loop:
        part.register(config, QueueLoop(queued), "nexus-queue-loop")
    return queued


def register_queue_controller(
    config: pytest.Config, pipeline: Pipeline, job: QueueJob, recorder: Recorder, part: Part
) -> QueueController:
    """Register and return the part of xdist's controller in the queue.

    Args:
        config: of the controller.
        pipeline: of the session.
        job: this job.
        recorder: of the session.
        part: the part of the ErrorBoundary that the scheduling belongs to.
    """
    from pytest_nexus.run.shared_queue.queue_controller import QueueController  # noqa: PLC0415 - where xdist runs

    access = QueueAccess(job, pipeline.notices, recorder.note_queue)
    queued = QueueController(config, access, part)
    own = pipeline.boundary.part("the shared queue", "its tests go back to the other jobs")
    own.register(config, queued, "nexus-queue")
    pipeline.on_queue(own.cover(access.prepare))
    pipeline.on_queue(own.cover(queued.prepare))
    return queued
