"""The line of an attempt: how each of its fields is written, checked, and explained.

To record a new fact about attempts, add a `Field` to `ATTEMPT`.
"""

from __future__ import annotations

from functools import partial
from json import dumps
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.identity import MAX_KEY_CHARS
from pytest_nexus.domain.records import PHASES, Failure
from pytest_nexus.domain.validation import integer, text
from pytest_nexus.journal.encoding import CODES, MAX_DURATION_S, MAX_NUMBER, worker_number
from pytest_nexus.journal.extra_fields import extra, extra_text
from pytest_nexus.journal.fields import Field, Kind

if TYPE_CHECKING:
    from pytest_nexus.domain.records import PhaseResult

MAX_NODEID_CHARS: Final = 4096
MAX_TEXT_CHARS: Final = 512

_MAX_MICROSECONDS: Final = int(MAX_DURATION_S * 1e6)
_key: Final = partial(text, limit=MAX_KEY_CHARS)
_nodeid: Final = partial(text, limit=MAX_NODEID_CHARS)


def seconds(value: float) -> str:
    """Return a time as JSON, rounded to microseconds; 0 for an impossible time."""
    return f"{value:.6f}" if -1e9 < value < 1e9 else "0"


def worker_text(name: str) -> str:
    """Return the name of a worker as JSON."""
    return encode_basestring(name[:MAX_TEXT_CHARS])


def cut(value: str | None) -> str | None:
    """Return a text cut to the length that a line may hold."""
    return None if value is None else value[:MAX_TEXT_CHARS]


def boolean(value: object) -> bool:
    """Return whether a field of a line is true; any other value is false."""
    return value is True


def _microseconds(value: Any) -> int:
    if 0 <= value < MAX_DURATION_S:
        return int(value * 1e6 + 0.5)
    return 0 if value < 0 else _MAX_MICROSECONDS


def _phase(value: Any) -> tuple[int, int]:
    """Return the code of the outcome and the microseconds."""
    outcome, duration_s = value
    return CODES[outcome], _microseconds(duration_s)


def _phase_text(phase: PhaseResult | None) -> str | None:
    return None if phase is None else f'["{phase.outcome}",{seconds(phase.duration_s)}]'


def _failure(value: dict[str, Any]) -> Failure:
    phase = value["phase"]
    if phase not in PHASES:
        raise ValueError(f"{phase!r} is no phase")
    names = ("exception", "where", "message", "signature")
    return Failure(phase, *[text(value[name], MAX_TEXT_CHARS) for name in names])


def _failure_text(failure: Failure | None) -> str | None:
    if failure is None:
        return None
    fields = {
        "phase": failure.phase,
        "exception": cut(failure.exception),
        "where": cut(failure.where),
        "message": cut(failure.message),
        "signature": failure.signature,
    }
    return dumps(fields, ensure_ascii=False, separators=(",", ":"))


ATTEMPT: Final = Kind(
    "attempt",
    "One finished execution of one test.",
    (
        Field(
            "nodeid",
            "text",
            "As pytest names the test",
            _nodeid,
            lambda attempt: encode_basestring(attempt.nodeid[:MAX_NODEID_CHARS]),
            is_of_passed=True,
        ),
        Field(
            "key",
            "text",
            "As the history names it, where that differs from the node id",
            _key,
            lambda attempt: (
                None if attempt.key == str(attempt.nodeid) else encode_basestring(attempt.key)
            ),
            is_optional=True,
            is_of_passed=True,
        ),
        Field(
            "function",
            "text",
            "Key of its function, where that differs from the key",
            _key,
            lambda attempt: (
                None
                if attempt.function_key == str(attempt.key)
                else encode_basestring(attempt.function_key)
            ),
            is_optional=True,
            is_of_passed=True,
        ),
        Field(
            "number",
            "integer",
            "2 for the first rerun in this session; absent for 1",
            partial(integer, least=1, most=MAX_NUMBER),
            lambda attempt: None if attempt.number == 1 else str(attempt.number),
            is_optional=True,
        ),
        Field(
            "at",
            "number",
            "Seconds since the run started",
            _microseconds,
            lambda attempt: seconds(attempt.started_s),
            is_of_passed=True,
        ),
        Field(
            "setup",
            "[outcome, seconds]",
            "Absent for a phase that did not run, as for the next two",
            _phase,
            lambda attempt: _phase_text(attempt.setup),
            is_optional=True,
            is_of_passed=True,
        ),
        Field(
            "call",
            "[outcome, seconds]",
            "`failed` in the call is `error` in the other two phases",
            _phase,
            lambda attempt: _phase_text(attempt.call),
            is_optional=True,
            is_of_passed=True,
        ),
        Field(
            "teardown",
            "[outcome, seconds]",
            "Outcomes: passed failed error skipped xfailed xpassed",
            _phase,
            lambda attempt: _phase_text(attempt.teardown),
            is_optional=True,
            is_of_passed=True,
        ),
        Field(
            "worker",
            "text",
            "xdist worker that ran it",
            worker_number,
            lambda attempt: None if attempt.worker is None else worker_text(attempt.worker),
            is_optional=True,
            is_of_passed=True,
        ),
        Field(
            "failure",
            "object",
            "`phase`, `exception` type, `where` (innermost frame of the project), `message`"
            " with numbers, addresses and quoted text masked, `signature` over the three",
            _failure,
            lambda attempt: _failure_text(attempt.failure),
            is_optional=True,
        ),
        Field(
            "quarantined",
            "boolean",
            "True for a failure of a test in quarantine",
            boolean,
            lambda attempt: "true" if attempt.quarantined else None,
            is_optional=True,
        ),
        Field(
            "extra",
            "object",
            "What plugins added: values by name, a namespace, a dot and a word; at most 2,048"
            " characters",
            extra,
            lambda attempt: None if attempt.extra is None else extra_text(dict(attempt.extra)),
            is_optional=True,  # the recorder writes no short form if a plugin may add fields
        ),
    ),
)
