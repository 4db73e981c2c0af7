"""Pack attempts into small integers, for the attempt table and for the fold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pytest_nexus.domain.records import (
    ALONE,
    FRESH,
    OUTCOMES,
    Attempt,
    Failure,
    FunctionKey,
    NodeId,
    Outcome,
    PhaseResult,
    TestKey,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

RawAttempt: TypeAlias = tuple[
    str,  # key
    str | None,  # function key; None if it equals the key
    int,  # number of the attempt, from 1
    int,  # outcomes of the three phases, packed
    int | None,  # set-up, microseconds
    int | None,  # call, microseconds
    int | None,  # tear-down, microseconds
    int,  # start, microseconds after the start of the run
    int | None,  # number of the xdist worker
    Failure | None,
]
"""An attempt for the store. It is a tuple, because a dataclass costs more than the insert."""

MAX_DURATION_S: Final = 86_400.0 * 7
"""Longer durations are clamped; they come from a clock that a test moved."""

MAX_NUMBER: Final = 1_000
"""A larger attempt number is invalid, since no rerun policy goes that far."""

CODES: Final[dict[str, int]] = {outcome: code for code, outcome in enumerate(OUTCOMES, 1)}
"""Three bits for each outcome; 0 means that the phase did not run."""

ALONE_NUMBER: Final = 1_000_000
FRESH_NUMBER: Final = 1_000_001
OWN_PROCESS: Final[dict[str, int]] = {ALONE: ALONE_NUMBER, FRESH: FRESH_NUMBER}
"""Stands in place of a worker's number, above any number that xdist gives."""

_NAMES: Final = {number: name for name, number in OWN_PROCESS.items()}

NO_VERDICT: Final = 0
PASS: Final = 1
FAIL: Final = 2
"""Verdicts on an attempt, as bits; both bits on one commit show a flake."""

_SHIFTS: Final = (0, 3, 6)
_PASSED: Final = CODES["passed"]
_FAILED: Final = CODES["failed"]
_ERROR: Final = CODES["error"]


def unpack(outcomes: int) -> tuple[Outcome | None, ...]:
    """Return the outcomes of set-up, call and tear-down; None for a phase that did not run.

    >>> unpack(0b011_000_001)
    ('passed', None, 'error')
    """
    codes = [(outcomes >> shift) & 7 for shift in _SHIFTS]
    return tuple(OUTCOMES[code - 1] if 1 <= code <= len(OUTCOMES) else None for code in codes)


def pack(phases: tuple[PhaseResult | None, ...]) -> int:
    """Return the outcomes of the phases as one integer: 73 when all three passed."""
    return sum(
        CODES[phase.outcome] << shift
        for phase, shift in zip(phases, _SHIFTS, strict=True)
        if phase is not None
    )


def microseconds(seconds: float) -> int:
    """Return a duration as stored: whole microseconds in [0, 7 days]; 0 for NaN."""
    return int(min(seconds, MAX_DURATION_S) * 1e6 + 0.5) if seconds > 0 else 0


def raw_attempt(attempt: Attempt) -> RawAttempt:
    """Return the facts that the history stores about an attempt."""
    setup, call, teardown = (
        None if phase is None else microseconds(phase.duration_s) for phase in attempt.phases
    )
    return (
        clean(attempt.key),
        clean(attempt.function_key) if str(attempt.function_key) != attempt.key else None,
        max(1, min(attempt.number, MAX_NUMBER)),
        pack(attempt.phases),
        setup,
        call,
        teardown,
        microseconds(attempt.started_s),
        worker_number(attempt.worker),
        attempt.failure,
    )


def full_attempt(raw: RawAttempt, nodeid: str | None = None) -> Attempt:
    """Return the attempt behind a raw attempt; the key replaces a missing node id."""
    key, function, number, outcomes, setup, call, teardown, started_us, worker, failure = raw
    phases = [
        None if outcome is None else PhaseResult(outcome, (duration or 0) / 1e6)
        for outcome, duration in zip(unpack(outcomes), (setup, call, teardown), strict=True)
    ]
    return Attempt(
        nodeid=NodeId(key if nodeid is None else nodeid),
        key=TestKey(key),
        function_key=FunctionKey(function or key),
        number=number,
        started_s=started_us / 1e6,
        setup=phases[0],
        call=phases[1],
        teardown=phases[2],
        worker=worker_name(worker),
        failure=failure,
    )


def worker_number(worker: str | None) -> int | None:
    """Return 12 for `gw12`, the number in `OWN_PROCESS` for an extra process, and else None."""
    if worker is None or not worker.startswith("gw"):
        return OWN_PROCESS.get(worker or "")
    digits = worker[2:]
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 6 else None


def worker_name(number: int | None) -> str | None:
    """Return `gw12` for 12, `fresh` or `alone` for their numbers, and None without a worker."""
    if number is None:
        return None
    return f"gw{number}" if number < ALONE_NUMBER else _NAMES.get(number)


def clean(text: str) -> str:
    """Return a text that can be stored: lone surrogates become question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _outcome_code(outcomes: int) -> int:
    codes = (outcomes & 7, outcomes >> 3 & 7, outcomes >> 6)
    if _FAILED in codes:
        return _FAILED
    if _ERROR in codes:
        return _ERROR
    return next((code for code in codes if _PASSED < code <= len(OUTCOMES)), _PASSED)


def _verdict(code: int) -> int:
    if code == CODES["skipped"]:
        return NO_VERDICT
    return FAIL if code in (_FAILED, _ERROR) else PASS


OUTCOME_CODE_OF: Final = tuple(map(_outcome_code, range(512)))
"""By packed outcomes: the code of the attempt's outcome, as in `Attempt.outcome`."""

VERDICT_OF: Final = (NO_VERDICT, *map(_verdict, OUTCOME_CODE_OF[1:]))
"""By packed outcomes: `PASS`, `FAIL`, or `NO_VERDICT` for a skipped attempt."""


def failure_of(row: Sequence[Any]) -> Failure | None:
    """Return the failure of an attempt from its columns; None without a failure."""
    return None if row[0] is None else Failure(*row)
