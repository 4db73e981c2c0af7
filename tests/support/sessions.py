"""Sessions of a CI run, as a report reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.domain.records import Change, CIRun, Run
from pytest_nexus.journal.sessions import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_nexus.domain.records import Attempt
    from pytest_nexus.plan.foreseen import Foreseen
    from pytest_nexus.plan.selection.recorded import RunSelection


def session(
    *attempts: Attempt,
    uid: int = 1,
    ci_run: str | None = "77",
    run_attempt: int = 1,
    job: str = "test",
    quarantined: tuple[str, ...] = (),
    duration_s: float | None = 10.0,
    workers: int = 0,
    selection: RunSelection | None = None,
    forecasts: Sequence[Foreseen] = (),
) -> Session:
    """A session of the job `test` in a CI run, undivided."""
    ci = None if ci_run is None else CIRun("github", ci_run, run_attempt=run_attempt, job=job)
    run = Run(
        f"{uid:032x}", float(uid), change=Change(commit="c" * 40), ci=ci, duration_s=duration_s,
        exit_status=0, complete=True, workers=workers,
    )  # fmt: skip
    return Session(
        f"{uid}.jsonl", run, attempts, frozenset(quarantined), None, selection, forecasts
    )
