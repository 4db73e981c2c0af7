"""What runs show of one test, written short: `seen("FP")` failed and passed in one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_nexus.plan.flakiness.outcomes import OutcomeInRun
from tests.support.builders import attempt

if TYPE_CHECKING:
    from pytest_nexus.domain.records import Failure, Outcome

OUTCOMES: dict[str, Outcome] = {"P": "passed", "F": "failed", "E": "error", "S": "skipped"}
LINUX = "3.12 linux-x86_64"
WINDOWS = "3.12 win32-AMD64"


def seen(
    outcomes: str = "P",
    commit: str | None = None,
    environment: str = LINUX,
    *,
    run: int = 0,
    failure: Failure | None = None,
    call_s: float = 0.1,
    **fields: object,
) -> OutcomeInRun:
    """One run: a letter for each attempt."""
    attempts = tuple(
        attempt(
            outcome=OUTCOMES[letter],
            number=number,
            call_s=call_s,
            failure=failure if letter in "FE" else None,
        )
        for number, letter in enumerate(outcomes, 1)
    )
    return OutcomeInRun(f"{run:032x}", float(run), commit, environment, attempts, **fields)  # type: ignore[arg-type] # fields by name


def row(*specs: str, environment: str = LINUX, first: int = 1) -> list[OutcomeInRun]:
    """Return runs in order from specs such as `a:FP`, commit and outcomes; `-:F` is a dirty tree.

    A number repeats: `a:P*3`.
    """
    found: list[OutcomeInRun] = []
    for spec in specs:
        commit, _, outcomes = spec.partition(":")
        letters, _, times = outcomes.partition("*")
        for _ in range(int(times or 1)):
            where = None if commit == "-" else commit
            found.append(seen(letters, where, environment, run=first + len(found)))
    return found
