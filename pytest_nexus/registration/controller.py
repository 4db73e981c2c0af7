"""Register the session objects of an enabled session, each with the hooks of one feature.

This module serves the single process and the controller. `worker_scheduling` adds what stands
between the controller and its workers, and `worker` serves a worker.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import pytest

from pytest_nexus.ci.current_run import ci_run
from pytest_nexus.compat.pytest_internals import ini_keys
from pytest_nexus.domain.system import originals
from pytest_nexus.errors import with_code
from pytest_nexus.options import read_options
from pytest_nexus.record.limited_by import chosen_by
from pytest_nexus.record.observer import Observer
from pytest_nexus.record.recorder import Recorder
from pytest_nexus.record.run_metadata import is_distributed, narrowed_to
from pytest_nexus.registration.misspelt_settings import unknown_keys, unknown_variables
from pytest_nexus.registration.reruns import (
    quarantined_by,
    recording_part,
    register_loop,
    register_rerun_report,
    register_worker_reruns,
    rerun_report_of,
    reruns_part,
    rules_of,
)
from pytest_nexus.registration.rest_of_selection import (
    register_rest,
    rest_of_session,
)
from pytest_nexus.report.session.terminal import TerminalReport
from pytest_nexus.run.ordering import Ordering, wants_plan
from pytest_nexus.session.error_boundary import ErrorBoundary
from pytest_nexus.session.hooks.user_hooks import UserHooks
from pytest_nexus.session.pipeline import Pipeline
from pytest_nexus.session.setup import SessionSetup

if TYPE_CHECKING:
    from pytest_nexus.options import Options
    from pytest_nexus.report.session.rerun_lines import RerunReport
    from pytest_nexus.run.reruns.session import RerunRules
    from pytest_nexus.run.shared_queue.queue_access import QueueJob
    from pytest_nexus.session.notices import Notices

_NO_CALL: Final = with_code("NX206", "no test is called under --setup-only or --setup-plan")
_NO_JOB_NUMBER: Final = with_code(
    "NX210",
    "nexus_shard is 'auto', but this CI numbers no parallel jobs; this job runs all tests",
)
_NOT_RECORDED: Final = {
    "collectonly": with_code("NX205", "no test runs under --collect-only"),
    "setuponly": _NO_CALL,
    "setupplan": _NO_CALL,
    "showfixtures": with_code("NX205", "no test runs under --fixtures"),
    "show_fixtures_per_test": with_code("NX205", "no test runs under --fixtures-per-test"),
    "cacheshow": with_code("NX205", "no test runs under --cache-show"),
    "looponfail": with_code("NX207", "sessions under --looponfail are not recorded"),
}
"""Why a session with this option is not recorded; by the name of pytest's option."""


def register_session(config: pytest.Config) -> None:
    """Register recording, order and report in the single process or on xdist's controller.

    Raises:
        pytest.UsageError: an option has a value that is not allowed.
    """
    boundary = ErrorBoundary()
    options = learned_by(boundary, read_options(config))
    reason = not_recorded(config)
    if reason:
        options = options._replace(
            ingest=False, queue=None
        )  # this kind of session stays out of the history
    name_unknown_settings(config, boundary.notices)
    rules = None
    if not reason:
        rules = reruns_part(boundary).call(
            lambda: rules_of(config, options, boundary.notices), None
        )
    setup, job = with_queue(config, options, rules, boundary.notices)
    pipeline = Pipeline(setup, boundary, UserHooks(config, boundary))
    if (
        pipeline.setup.options.shard == "auto"
        and pipeline.setup.share is None
        and ci_run(originals.environ) is not None
    ):
        boundary.notices.notify(_NO_JOB_NUMBER)
    if reason:
        register_bystander(config, pipeline, reason)
        return
    boundary.register(config)
    rerun_report = None if rules is None else rerun_report_of(config, pipeline, rules)
    register_report(config, pipeline, rerun_report)
    is_single = not pipeline.setup.is_distributed
    recorder = register_recorder(config, pipeline, Observer(config.rootpath) if is_single else None)
    if options.dependencies:
        register_dependencies(config, pipeline, recorder)
    if rerun_report is not None:
        register_rerun_report(config, pipeline, rerun_report)
    if is_single:
        register_single(config, pipeline, rerun_report, recorder, job)
    else:
        reruns = (
            register_worker_reruns(config, pipeline, rerun_report, recorder)
            if rerun_report
            else None
        )
        from pytest_nexus.registration.worker_scheduling import register_controller  # noqa: PLC0415 - where xdist runs

        register_controller(config, pipeline, recorder, reruns, job)


def learned_by(boundary: ErrorBoundary, options: Options) -> Options:
    """Return the settings with learned values where an option is `auto`."""
    if not options.automatic:
        return options
    from pytest_nexus.session.learned_options import with_learned  # noqa: PLC0415 - where `auto` stands

    part = boundary.part("learned settings", "settings that are auto have their defaults")
    notify = boundary.notices.notify
    return part.call(lambda: with_learned(options, originals.environ, notify), options)


def with_queue(
    config: pytest.Config, options: Options, rules: RerunRules | None, notices: Notices
) -> tuple[SessionSetup, QueueJob | None]:
    """Return the set-up of the session, and its job of the shared queue if it has one.

    Raises:
        pytest.UsageError: the shard, the plan or the queue cannot be followed.
    """
    if options.queue is None or options.select_rest == "only":
        return setup_of(config, options, rules), None
    from pytest_nexus.registration.queued import queue_job, static_shard  # noqa: PLC0415 - as asked for

    job = queue_job(config, options, notices)
    if job is None:
        return setup_of(config, static_shard(options, originals.environ), rules), None
    setup = setup_of(config, options._replace(shard=None, plan=None), rules)
    return setup._replace(is_queued=True, narrowed_to=""), job


def register_dependencies(config: pytest.Config, pipeline: Pipeline, recorder: Recorder) -> None:
    """Register the tracking of dependencies; its result goes to the recorder."""
    from pytest_nexus.registration.tracking import (  # noqa: PLC0415 - where it is asked for
        register_controller_tracking,
        register_tracking,
        wanted_by,
    )

    boundary = pipeline.boundary
    if pipeline.setup.is_distributed:
        register_controller_tracking(config, boundary, recorder.note_uses)
    else:
        history = pipeline.setup.options.history
        decide = wanted_by(pipeline)
        register_tracking(config, boundary, history, recorder.note_uses, decide)


def setup_of(config: pytest.Config, options: Options, rules: RerunRules | None) -> SessionSetup:
    """Return the set-up of the session.

    Raises:
        pytest.UsageError: the shard or the plan cannot be followed.
    """
    environ = dict(originals.environ)  # tests may clear it
    share = None
    has_share = options.shard is not None or options.plan is not None
    if has_share or options.select_rest == "only":
        from pytest_nexus.registration.chosen_shard import share_of  # noqa: PLC0415 - as asked for

        share = share_of(options, environ)
    return SessionSetup(
        options,
        config.rootpath,
        environ,
        share,
        narrowed_to(config, options),
        is_distributed(config),
        quarantined_by(rules),
        partial(facts_of, config),
        chosen_by(config) if options.select != "off" else "",
    )


def facts_of(config: pytest.Config) -> dict[str, str]:
    """Return the digests of the facts of a session; read when tests are selected."""
    from pytest_nexus.record.dependencies.session_facts import session_facts  # noqa: PLC0415 - as asked for

    return session_facts(config)


def register_single(
    config: pytest.Config,
    pipeline: Pipeline,
    rerun_report: RerunReport | None,
    recorder: Recorder,
    job: QueueJob | None = None,
) -> None:
    """Register the objects that order and repeat tests in a single process."""
    rest = rest_of_session(pipeline)
    if wants_plan(pipeline):
        ordering = pipeline.boundary.part("ordering", "all tests run, in the order of collection")
        ordering.register(config, Ordering(pipeline, rest), "nexus-ordering")
    queued = None
    if job is not None:
        from pytest_nexus.registration.queued import register_queue  # noqa: PLC0415 - as asked for

        queued = register_queue(config, pipeline, job, recorder, has_loop=rerun_report is None)
    if rerun_report is not None:
        register_loop(config, pipeline, rerun_report, recorder, queued, rest)
    elif queued is None:
        from pytest_nexus.run.live_order import LiveItems  # noqa: PLC0415 - where nothing is repeated

        pipeline.learning.register(config, LiveItems(pipeline), "nexus-live-items")
        register_rest(config, pipeline, rest)


def register_recorder(
    config: pytest.Config, pipeline: Pipeline, observer: Observer | None
) -> Recorder:
    """Register the recorder, which writes the journal.

    Args:
        config: of the session.
        pipeline: of the session.
        observer: sees the items; None on xdist's controller.
    """
    part = recording_part(pipeline.boundary)
    recorder = Recorder(pipeline, observer)
    part.register(config, recorder, "nexus-recorder")
    pipeline.on_left_out(part.cover(recorder.note_left_out))
    pipeline.on_share(part.cover(recorder.note_share))
    pipeline.on_words(part.cover(recorder.note_words))
    pipeline.on_selection(part.cover(recorder.note_selection))
    pipeline.on_added_rest(part.cover(recorder.note_rest))
    pipeline.on_prediction(part.cover(recorder.note_prediction))
    if pipeline.setup.options.otlp:
        from pytest_nexus.registration.exporting import register_export  # noqa: PLC0415 - as asked for

        register_export(pipeline)
    if observer is not None:
        part.register(config, observer, "nexus-observer")
        part.on_failure.append(observer.failures.clear)
    return recorder


def register_report(
    config: pytest.Config, pipeline: Pipeline, rerun_report: RerunReport | None = None
) -> None:
    """Register the terminal report."""
    part = pipeline.boundary.part("the report", "nexus says nothing more")
    part.on_failure.append(pipeline.boundary.speak)
    part.register(config, TerminalReport(pipeline, rerun_report), "nexus-report")
    options = pipeline.setup.options
    if config.getoption("xmlpath", None) and (options.select != "off" or options.plan is not None):
        from pytest_nexus.report.session.junit_left_out import JUnitLeftOut  # noqa: PLC0415 - as asked for

        part.register(config, JUnitLeftOut(config, pipeline), "nexus-junit-left-out")


def name_unknown_settings(config: pytest.Config, notices: Notices) -> None:
    """Report variables and ini options that look like ours but that nothing reads."""
    for sentence in (*unknown_variables(originals.environ), *unknown_keys(ini_keys(config))):
        notices.notify(sentence)


def register_bystander(config: pytest.Config, pipeline: Pipeline, reason: str) -> None:
    """Register the notice that explains why nexus does nothing in this kind of session.

    Raises:
        pytest.UsageError: the session was to run one shard of the suite.
    """
    pipeline.boundary.register(config)
    register_report(config, pipeline)
    if pipeline.setup.share is not None and _is_each(config):
        raise pytest.UsageError(with_code("NX106", f"this session cannot run a shard: {reason}"))
    pipeline.notices.notify(reason)


def not_recorded(config: pytest.Config) -> str:
    """Return why this kind of session is not recorded; empty if it is."""
    for name, reason in _NOT_RECORDED.items():
        if getattr(config.option, name, False):
            return reason
    if _is_each(config):
        return with_code(
            "NX208", "--dist=each runs every test on every worker; this session is not recorded"
        )
    return ""


def _is_each(config: pytest.Config) -> bool:
    return str(getattr(config.option, "dist", "no")) == "each"
