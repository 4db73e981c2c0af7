"""Registers what repeats failed tests, in sessions that do."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from pytest_nexus.bound import urandom
from pytest_nexus.errors import NexusError
from pytest_nexus.healing import Healer
from pytest_nexus.plan.quarantine import MAX_CHARS, Quarantine, parse_quarantine
from pytest_nexus.plan.retry import RerunSettings
from pytest_nexus.record.environment import ci_run
from pytest_nexus.record.session import is_distributed
from pytest_nexus.regular_files import read_text
from pytest_nexus.report.healing import HealingReport, Letters
from pytest_nexus.run.engines import foreign_tests, reason_not_to_rerun
from pytest_nexus.run.markers import DESCRIPTION

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from pytest_nexus.pipeline import Pipeline
    from pytest_nexus.record.recorder import Recorder
    from pytest_nexus.report.repeated import RepeatedTests
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
    return HealingReport(healer, fail_on_flaky=options.fail_on_flaky)


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
        CAN_LEAD_WORKERS,
        are_local,
    )

    if pipeline.options.dist == "off":
        return "nothing is repeated: xdist schedules the tests, as nexus_dist is off"
    if not CAN_LEAD_WORKERS:
        return "nothing is repeated: the workers of this version of pytest-xdist cannot be led"
    if not are_local(config):
        return "nothing is repeated: a worker runs on another machine"
    return ""


def register_healing(config: pytest.Config, healing: HealingReport) -> None:
    """Register what shows reruns and quarantine."""
    from pytest_nexus.report.repeated import RepeatedTests  # noqa: PLC0415 - where tests come again

    config.addinivalue_line("markers", DESCRIPTION)
    config.pluginmanager.register(healing, "nexus-healing")
    healing.healer.on_setback = partial(register_display, config, RepeatedTests(config))
    if config.getoption("xmlpath", None):
        from pytest_nexus.report.junit import JUnitAttempts  # noqa: PLC0415 - where asked for

        config.pluginmanager.register(JUnitAttempts(config), "nexus-junit")


def register_display(config: pytest.Config, repeated: RepeatedTests) -> None:
    """Register what shows repeated tests, in a session in which a test has failed."""
    config.pluginmanager.register(Letters(), "nexus-letters")
    config.pluginmanager.register(repeated, "nexus-repeated")


def register_loop(config: pytest.Config, healing: HealingReport, recorder: Recorder) -> None:
    """Register the loop of a single process, in which failed tests come again."""
    from pytest_nexus.run.desk import RerunDesk  # noqa: PLC0415 - not under xdist
    from pytest_nexus.run.loop import RerunLoop  # noqa: PLC0415 - likewise

    loop = RerunLoop(foreign_tests(config))
    desk = RerunDesk(healing.healer, loop.test_of, loop.rule_of, recorder.failure_of, recorder.take)
    loop.sit_at(desk)
    recorder.on_subtest = loop.take_subtest
    config.pluginmanager.register(loop, "nexus-loop")


def register_worker_reruns(
    config: pytest.Config, healing: HealingReport, recorder: Recorder
) -> WorkerReruns:
    """Register, on xdist's controller, what sends failed tests to the workers again."""
    from pytest_nexus.run.worker_reruns import WorkerReruns  # noqa: PLC0415 - where xdist runs
    from pytest_nexus.run.xdist_seam import count_workers  # noqa: PLC0415 - likewise

    healing.healer.n_workers = count_workers(config)
    reruns = WorkerReruns(healing.healer, recorder.failure_of, recorder.take)
    config.pluginmanager.register(reruns, "nexus-reruns")
    config.pluginmanager.register(reruns.repeater, "nexus-repeater")
    if reruns.brakes is not None:
        config.pluginmanager.register(reruns.brakes, "nexus-brakes")
    return reruns
