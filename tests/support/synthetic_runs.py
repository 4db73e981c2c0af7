"""Runs of a CI that were never run: written into a history as a maintenance job would."""

from __future__ import annotations

from math import exp
from typing import TYPE_CHECKING

from pytest_nexus.domain.records import CIRun
from pytest_nexus.history.ingest import ingest_run
from tests.support.builders import attempt, failure, run

if TYPE_CHECKING:
    from random import Random

    from pytest_nexus.domain.records import Trust
    from pytest_nexus.history.store import History


def push(
    history: History, number: int, at: float, wall_s: float, *, failed: bool = False,
    trust: Trust = "trusted", uid: int | None = None,
) -> None:  # fmt: skip
    """Take in the one job of a run of the CI.

    Args:
        history: takes the run in.
        number: the id of the run on the CI.
        at: when it started, in seconds since the epoch.
        wall_s: how long it took.
        failed: whether a test failed.
        trust: `fork` for a run whose figures nobody may believe.
        uid: of the run; its number by default.
    """
    made = run(number if uid is None else uid, at, commit=f"{number:040x}", complete=True)
    made = made._replace(
        ci=CIRun("github", str(number), number, workflow="tests"), duration_s=wall_s,
        exit_status=int(failed), trust=trust, head="f" * 40 if trust == "fork" else None,
    )  # fmt: skip
    outcome = attempt("t/test_a.py::test_x", "failed", failure=failure()) if failed else attempt()
    ingest_run(history, made, [outcome])


def noisy(random: Random, wall_s: float, noise: float = 0.1) -> float:
    """A wall time with the noise of runners."""
    return wall_s * exp(random.gauss(0.0, noise))
