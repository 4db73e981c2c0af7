"""Register the objects that repeat failed tests, in sessions with reruns."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pytest_nexus.ci.current_run import ci_run
from pytest_nexus.domain.system import originals
from pytest_nexus.domain.system.originals import urandom
from pytest_nexus.domain.system.regular_files import read_text
from pytest_nexus.errors import NexusError, with_code
from pytest_nexus.plan.quarantine.file import MAX_CHARS, Quarantine, parse_quarantine
from pytest_nexus.plan.reruns.rerun_policy import RerunSettings
from pytest_nexus.record.run_metadata import is_distributed
from pytest_nexus.report.session.rerun_lines import Letters, RerunReport
from pytest_nexus.run.reruns.markers import DESCRIPTION
from pytest_nexus.run.reruns.other_engines import foreign_tests, reason_not_to_rerun
from pytest_nexus.run.reruns.session import RerunRules, RerunSession

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from pytest_nexus.domain.records import CollectedTest
    from pytest_nexus.options import Options
    from pytest_nexus.plan.reruns.rerun_policy import Decision, FailedAttempt
    from pytest_nexus.record.recorder import Recorder
    from pytest_nexus.report.session.rerun_letters import RepeatedTests
    from pytest_nexus.run.fresh_process.order_dependents import OrderDependents
    from pytest_nexus.run.rest_of_tests import RestOfTests
    from pytest_nexus.run.shared_queue.queue_session import QueueSession
    from pytest_nexus.run.xdist.worker_reruns import WorkerReruns
    from pytest_nexus.session.error_boundary import ErrorBoundary, Part
    from pytest_nexus.session.notices import Notices
    from pytest_nexus.session.pipeline import Pipeline


def rules_of(config: pytest.Config, options: Options, notices: Notices) -> RerunRules | None:
    """Return the rules about reruns; None if nothing is repeated or quarantined."""
    quarantine = quarantine_in(options.quarantine, notices)
    if options.reruns == 0 and not quarantine.entries:
        return None
    reason = reason_not_to_rerun(config)
    if not reason and is_distributed(config):
        reason = reason_not_to_rerun_on_workers(config, options)
    if reason:
        notices.notify(reason)
        if quarantine.entries:
            notices.notify(
                with_code("NX306", "no test is in quarantine, because no test is repeated")
            )
        return None
    settings = RerunSettings(
        limit=options.reruns,
        delay_s=options.rerun_delay_s,
        seed=int.from_bytes(urandom(4)),
        is_at_once=bool(config.getoption("maxfail", 0)),
    )
    return RerunRules(
        settings,
        options.history,
        options.rerun_budget,
        quarantine,
        n_workers=_n_workers(config),
        is_watched=not originals.environ.get("CI") and ci_run(originals.environ) is None,
    )


def _n_workers(config: pytest.Config) -> int:
    if not is_distributed(config):
        return 1
    from pytest_nexus.compat.xdist_internals import count_workers  # noqa: PLC0415 - where xdist runs

    return count_workers(config)


def quarantined_by(rules: RerunRules | None) -> Callable[[CollectedTest], bool] | None:
    """Return a predicate of quarantined tests; None if no test is quarantined."""
    if rules is None or not rules.quarantine.entries:
        return None
    find = rules.quarantine.find
    return lambda test: find(test.nodeid, test.key, test.function_key) is not None


def rerun_report_of(config: pytest.Config, pipeline: Pipeline, rules: RerunRules) -> RerunReport:
    """Return the object that counts the reruns of a session and reports them."""
    from pytest_nexus.report.session.rerun_letters import RepeatedTests  # noqa: PLC0415 - where tests come again

    options = pipeline.setup.options
    part = reruns_part(pipeline.boundary)
    rerun_session = RerunSession(
        rules._replace(overrule=overruled_by(pipeline)),
        lambda: pipeline.planned,
        lambda: pipeline.change,
        pipeline.notices.notify,
        on_first_failure=part.cover(partial(register_display, config, part, RepeatedTests(config))),
    )
    return RerunReport(
        rerun_session,
        fail_on_flaky=options.fail_on_flaky,
        fail_on_dependent=options.order_dependence == "fail",
    )


def overruled_by(pipeline: Pipeline) -> Callable[[FailedAttempt, Decision], Decision] | None:
    """Return a function that asks users' hooks about reruns; None if no hook is implemented."""
    if not pipeline.hooks.has("pytest_nexus_rerun"):
        return None
    from pytest_nexus.session.hooks.rerun_hook import overrule  # noqa: PLC0415 - where there is one

    return partial(overrule, pipeline.hooks)


def register_rerun_report(
    config: pytest.Config, pipeline: Pipeline, rerun_report: RerunReport
) -> None:
    """Register the report of reruns and quarantine."""
    config.addinivalue_line("markers", DESCRIPTION)
    part = reruns_part(pipeline.boundary)
    part.register(config, rerun_report, "nexus-healing")
    if config.getoption("xmlpath", None):
        from pytest_nexus.report.session.junit_attempts import JUnitAttempts  # noqa: PLC0415 - where asked for

        part.register(config, JUnitAttempts(config), "nexus-junit")


def dependents_of(
    config: pytest.Config, pipeline: Pipeline, rerun_report: RerunReport
) -> OrderDependents | None:
    """Return the runner of order-dependent tests; None if it is off or cannot start processes."""
    from pytest_nexus.run.fresh_process.order_dependents import OrderDependents  # noqa: PLC0415 - where tests come again
    from pytest_nexus.run.fresh_process.process import Launch  # noqa: PLC0415 - likewise

    launch = Launch.of(config, dict(originals.environ))
    if launch is None or pipeline.setup.options.order_dependence == "off":
        return None
    return OrderDependents(
        rerun_report.rerun_session,
        launch,
        lambda: pipeline.rules,
        lambda: pipeline.planned.is_rearranged,
        lambda: pipeline.planned.in_order,
    )


def reruns_part(boundary: ErrorBoundary) -> Part:
    """Return the part of the ErrorBoundary for reruns and quarantine."""
    return boundary.part("rerunning", "no failed test is repeated or in quarantine from here")


def recording_part(boundary: ErrorBoundary) -> Part:
    """Return the part of the ErrorBoundary for the recording."""
    return boundary.part("recording", "the rest of this run is not recorded")


def quarantine_in(path: Path, notices: Notices) -> Quarantine:
    """Return the quarantine; empty, with a notice, if the file cannot be used."""
    if not path.exists():
        return Quarantine(())
    try:
        return parse_quarantine(read_text(path, 4 * MAX_CHARS))
    except (OSError, UnicodeError, NexusError) as exc:
        notices.notify(with_code("NX305", f"no test is in quarantine: {path.name}: {exc}"))
        return Quarantine(())


def reason_not_to_rerun_on_workers(config: pytest.Config, options: Options) -> str:
    """Return why xdist's workers repeat nothing; empty if they may repeat tests."""
    from pytest_nexus.compat.xdist_internals import (  # noqa: PLC0415 - where xdist runs
        CAN_REPEAT,
        are_local,
    )

    if options.dist == "off":
        return with_code(
            "NX303",
            "no test is repeated, because nexus_dist is 'off' and xdist schedules the tests",
        )
    if not CAN_REPEAT:
        return with_code(
            "NX303",
            "no test is repeated, because nexus does not support this version of pytest-xdist",
        )
    if not are_local(config):
        return with_code("NX303", "no test is repeated, because a worker runs on another machine")
    return ""


def register_display(config: pytest.Config, part: Part, repeated: RepeatedTests) -> None:
    """Register the display of repeated tests, in a session in which a test has failed."""
    part.register(config, Letters(), "nexus-letters")
    part.register(config, repeated, "nexus-repeated")


def register_loop(
    config: pytest.Config,
    pipeline: Pipeline,
    rerun_report: RerunReport,
    recorder: Recorder,
    queued: QueueSession | None = None,
    rest: RestOfTests | None = None,
) -> None:
    """Register the loop of a single process, which repeats failed tests."""
    from pytest_nexus.run.live_order import live_order  # noqa: PLC0415 - not under xdist
    from pytest_nexus.run.reruns.decisions import Host  # noqa: PLC0415 - not under xdist
    from pytest_nexus.run.reruns.gate import ReportGate  # noqa: PLC0415 - not under xdist
    from pytest_nexus.run.reruns.guarded_gate import GuardedGate  # noqa: PLC0415 - likewise
    from pytest_nexus.run.reruns.loop import RerunLoop  # noqa: PLC0415 - likewise
    from pytest_nexus.run.running_tests import RunningTests  # noqa: PLC0415 - likewise

    part, tests = reruns_part(pipeline.boundary), RunningTests()
    record = recording_part(pipeline.boundary).cover(recorder.take)
    host = Host(
        tests.test_of,
        tests.rule_of,
        recorder.failure_of,
        record,
        accepts=tests.goes_on,
        ends_well=tests.goes_on,
    )
    gate = ReportGate(
        rerun_report.rerun_session, host, dependents_of(config, pipeline, rerun_report)
    )
    guarded, foreign = GuardedGate(gate, part), foreign_tests(config)
    if queued is not None:
        loop = RerunLoop(part, tests, guarded, foreign, queued.fresh_tests, queued.has_more)
    elif rest is not None:
        from pytest_nexus.run.rest_of_tests import RestForRerunLoop  # noqa: PLC0415 - as asked for

        fresh_tests = partial(live_order, pipeline)
        more = RestForRerunLoop(rest, tests, fresh_tests, lambda: guarded.has_waiting)
        loop = RerunLoop(part, tests, guarded, foreign, more.fresh_tests, more.has_more)
    else:
        loop = RerunLoop(part, tests, guarded, foreign, partial(live_order, pipeline))
    instead: dict[str, Callable[..., Any]] = {
        "pytest_runtestloop": loop.go_on,
        "pytest_runtest_protocol": loop.finish,
    }
    part.register(config, loop, "nexus-loop", instead)
    recorder.on_subtest(part.cover(loop.take_subtest))


def register_worker_reruns(
    config: pytest.Config, pipeline: Pipeline, rerun_report: RerunReport, recorder: Recorder
) -> WorkerReruns:
    """Register the reruns of workers' tests on xdist's controller."""
    from pytest_nexus.run.xdist.worker_reruns import WorkerReruns  # noqa: PLC0415 - where xdist runs

    part = reruns_part(pipeline.boundary)
    record = recording_part(pipeline.boundary).cover(recorder.take)
    dependents = dependents_of(config, pipeline, rerun_report)
    reruns = WorkerReruns(rerun_report.rerun_session, recorder.failure_of, record, part, dependents)
    part.register(config, reruns, "nexus-reruns")
    instead = {"pytest_configure_node": reruns.repeater.tell}
    part.register(config, reruns.repeater, "nexus-repeater", instead)
    if reruns.brakes is not None:
        part.register(config, reruns.brakes, "nexus-brakes")
    return reruns
