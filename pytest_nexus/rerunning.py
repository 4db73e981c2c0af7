"""Registers what repeats failed tests, in sessions that do."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

from pytest_nexus.bound import urandom
from pytest_nexus.ci.current_run import ci_run
from pytest_nexus.errors import NexusError
from pytest_nexus.healing import Healer
from pytest_nexus.plan.quarantine import MAX_CHARS, Quarantine, parse_quarantine
from pytest_nexus.plan.retry import RerunSettings
from pytest_nexus.record.session import is_distributed
from pytest_nexus.regular_files import read_text
from pytest_nexus.report.healing import HealingReport, Letters
from pytest_nexus.run.engines import foreign_tests, reason_not_to_rerun
from pytest_nexus.run.markers import DESCRIPTION

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from pytest_nexus.net import Part
    from pytest_nexus.pipeline import Pipeline
    from pytest_nexus.record.recorder import Recorder
    from pytest_nexus.report.repeated import RepeatedTests
    from pytest_nexus.run.dependents import Dependents
    from pytest_nexus.run.worker_reruns import WorkerReruns


def healing_of(config: pytest.Config, pipeline: Pipeline) -> HealingReport | None:
    """Return what repeats failed tests in this session; None where nothing is to be repeated."""
    options = pipeline.options
    quarantine = quarantine_in(options.quarantine, pipeline)
    if options.reruns == 0 and not quarantine.entries:
        return None
    reason = reason_not_to_rerun(config)
    if not reason and is_distributed(config):
        reason = reason_not_to_rerun_on_workers(config, pipeline)
    if reason:
        pipeline.lose(reason + ("; quarantine is not applied" if quarantine.entries else ""))
        return None
    settings = RerunSettings(
        limit=options.reruns,
        delay_s=options.rerun_delay_s,
        seed=int.from_bytes(urandom(4)),
        is_at_once=bool(config.getoption("maxfail", 0)),
    )
    healer = Healer(pipeline, settings, options.rerun_budget, quarantine)
    healer.is_watched = not os.environ.get("CI") and ci_run(os.environ) is None
    if quarantine.entries:
        pipeline.fails_no_build = lambda test: healer.quarantine_of(test) is not None
    return HealingReport(
        healer,
        fail_on_flaky=options.fail_on_flaky,
        fail_on_dependent=options.order_dependence == "fail",
    )


def dependents_of(
    config: pytest.Config, pipeline: Pipeline, healing: HealingReport
) -> Dependents | None:
    """Return what gives order-dependent tests a fresh process; None where nothing is to be done."""
    from pytest_nexus.run.dependents import Dependents  # noqa: PLC0415 - where tests come again
    from pytest_nexus.run.own_process import Launch  # noqa: PLC0415 - likewise

    launch = Launch.of(config, dict(os.environ))
    if launch is None or pipeline.options.order_dependence == "off":
        return None
    return Dependents(
        healing.healer,
        launch,
        lambda: pipeline.rules,
        lambda: pipeline.is_rearranged,
        lambda: pipeline.in_order,
    )


def reruns_part(pipeline: Pipeline) -> Part:
    """Return what catches the failures of reruns and quarantine."""
    return pipeline.net.part("rerunning", "no failed test is repeated or in quarantine from here")


def recording_part(pipeline: Pipeline) -> Part:
    """Return what catches the failures of the recording."""
    return pipeline.net.part("recording", "the rest of this run is not recorded")


def quarantine_in(path: Path, pipeline: Pipeline) -> Quarantine:
    """Return the tests in quarantine; none, and a sentence, where the file cannot be used."""
    if not path.exists():
        return Quarantine(())
    try:
        return parse_quarantine(read_text(path, 4 * MAX_CHARS))
    except (OSError, UnicodeError, NexusError) as exc:
        pipeline.lose(f"no test is in quarantine: {path.name}: {exc}")
        return Quarantine(())


def reason_not_to_rerun_on_workers(config: pytest.Config, pipeline: Pipeline) -> str:
    """Return why xdist's workers repeat nothing; empty if they may."""
    from pytest_nexus.run.xdist_seam import (  # noqa: PLC0415 - where xdist runs
        CAN_REPEAT,
        are_local,
    )

    if pipeline.options.dist == "off":
        return "nothing is repeated: xdist schedules the tests, as nexus_dist is off"
    if not CAN_REPEAT:
        return "nothing is repeated: nexus cannot do it with this version of pytest-xdist"
    if not are_local(config):
        return "nothing is repeated: a worker runs on another machine"
    return ""


def register_healing(config: pytest.Config, pipeline: Pipeline, healing: HealingReport) -> None:
    """Register what shows reruns and quarantine."""
    from pytest_nexus.report.repeated import RepeatedTests  # noqa: PLC0415 - where tests come again

    config.addinivalue_line("markers", DESCRIPTION)
    part = reruns_part(pipeline)
    part.register(config, healing, "nexus-healing")
    healing.healer.on_setback = part.cover(
        partial(register_display, config, part, RepeatedTests(config))
    )
    if config.getoption("xmlpath", None):
        from pytest_nexus.report.junit import JUnitAttempts  # noqa: PLC0415 - where asked for

        part.register(config, JUnitAttempts(config), "nexus-junit")


def register_display(config: pytest.Config, part: Part, repeated: RepeatedTests) -> None:
    """Register what shows repeated tests, in a session in which a test has failed."""
    part.register(config, Letters(), "nexus-letters")
    part.register(config, repeated, "nexus-repeated")


def register_loop(
    config: pytest.Config, pipeline: Pipeline, healing: HealingReport, recorder: Recorder
) -> None:
    """Register the loop of a single process, in which failed tests come again."""
    from pytest_nexus.run.desk import RerunDesk  # noqa: PLC0415 - not under xdist
    from pytest_nexus.run.loop import RerunLoop  # noqa: PLC0415 - likewise
    from pytest_nexus.run.safe_desk import SafeDesk  # noqa: PLC0415 - likewise

    part = reruns_part(pipeline)
    loop = RerunLoop(part, foreign_tests(config))
    record = recording_part(pipeline).cover(recorder.take)
    desk = RerunDesk(healing.healer, loop.test_of, loop.rule_of, recorder.failure_of, record)
    desk.accepts = desk.ends_well = loop.goes_on
    desk.take_dependents(dependents_of(config, pipeline, healing))
    loop.sit_at(SafeDesk(desk, part))
    recorder.on_subtest = part.cover(loop.take_subtest)
    instead: dict[str, Callable[..., Any]] = {
        "pytest_runtestloop": loop.go_on,
        "pytest_runtest_protocol": loop.finish,
    }
    part.register(config, loop, "nexus-loop", instead)


def register_worker_reruns(
    config: pytest.Config, pipeline: Pipeline, healing: HealingReport, recorder: Recorder
) -> WorkerReruns:
    """Register, on xdist's controller, what sends failed tests to the workers again."""
    from pytest_nexus.run.worker_reruns import WorkerReruns  # noqa: PLC0415 - where xdist runs
    from pytest_nexus.run.xdist_seam import count_workers  # noqa: PLC0415 - likewise

    healing.healer.n_workers = count_workers(config)
    part = reruns_part(pipeline)
    record = recording_part(pipeline).cover(recorder.take)
    reruns = WorkerReruns(healing.healer, recorder.failure_of, record, part)
    reruns.give(dependents_of(config, pipeline, healing))
    part.register(config, reruns, "nexus-reruns")
    instead = {"pytest_configure_node": reruns.repeater.tell}
    part.register(config, reruns.repeater, "nexus-repeater", instead)
    if reruns.brakes is not None:
        part.register(config, reruns.brakes, "nexus-brakes")
    return reruns
