"""What is known of a session before its first test."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING

import pytest

from pytest_nexus import timing
from pytest_nexus.record.environment import ci_run, machine
from pytest_nexus.record.selection import selected_by
from pytest_nexus.records import Run, environment_name

if TYPE_CHECKING:
    from pytest_nexus.records import Change


def setting(config: pytest.Config) -> tuple[str, int]:
    """Return what durations depend on beside the commit: environment, and number of workers."""
    return environment_name(*machine()), _n_workers(config)


def new_run(config: pytest.Config, change: Change) -> Run:
    """Return the run that begins now, with a run_uid of its own."""
    python, platform = machine()
    return Run(
        run_uid=uuid.uuid4().hex,
        started_at=timing.time(),
        change=change,
        ci=ci_run(os.environ),
        python=python,
        pytest=pytest.__version__,
        platform=platform,
        workers=_n_workers(config),
        selected_by=selected_by(config),
    )


def is_distributed(config: pytest.Config) -> bool:
    """Return whether xdist sends the tests of this session to workers."""
    return str(config.getoption("dist", "no")) != "no" and not config.getoption("collectonly")


def _n_workers(config: pytest.Config) -> int:
    return len(config.getoption("tx", None) or ()) if is_distributed(config) else 0
