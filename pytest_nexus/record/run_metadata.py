"""Collect the facts about a session that are known before its first test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest

from pytest_nexus.ci.current_run import ci_run
from pytest_nexus.domain.records import Run
from pytest_nexus.domain.system import clock, originals
from pytest_nexus.domain.system.originals import urandom
from pytest_nexus.record.limited_by import selected_by
from pytest_nexus.record.machine import machine

if TYPE_CHECKING:
    from pytest_nexus.domain.records import Change
    from pytest_nexus.options import Options


def new_run(config: pytest.Config, change: Change) -> Run:
    """Return the run that begins now, with its own new run_uid."""
    python, platform = machine()
    return Run(
        run_uid=urandom(16).hex(),
        started_at=clock.time(),
        change=change,
        ci=ci_run(originals.environ),
        python=python,
        pytest=pytest.__version__,
        platform=platform,
        workers=_n_workers(config),
        selected_by=selected_by(config),
    )


def narrowed_to(config: pytest.Config, options: Options) -> Literal["", "files", "tests"]:
    """Return whether the command line names only test files, or only single tests.

    Empty for any other session. Also empty if the user asked for an order, for explanations, for a
    shard, for workers, for a selection, or for the history to be written.
    """
    arguments = config.args if config.args_source is pytest.Config.ArgsSource.ARGS else []
    asks_for_history = options.ingest and options.sources["nexus_ingest"] != "default"
    if options.sources["nexus_order"] != "default" or asks_for_history:
        return ""
    if options.explain or options.shard or options.plan or is_distributed(config):
        return ""
    if options.select != "off":
        return ""
    if not arguments or not all(_is_file_or_test(argument) for argument in arguments):
        return ""
    return "tests" if all("::" in argument for argument in arguments) else "files"


def _is_file_or_test(argument: str) -> bool:
    return "::" in argument or argument.endswith(".py")


def is_distributed(config: pytest.Config) -> bool:
    """Return whether xdist sends the tests of this session to workers."""
    return str(config.getoption("dist", "no")) != "no" and not config.getoption("collectonly")


def _n_workers(config: pytest.Config) -> int:
    return len(config.getoption("tx", None) or ()) if is_distributed(config) else 0
