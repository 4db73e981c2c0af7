"""The journal's format as a table: how each field is written, checked, and explained.

The writer, the reader and the reference page use the fields of each kind. To record a new fact
about attempts, add a `Field` to `ATTEMPT`.
"""

from __future__ import annotations

from functools import partial
from json import dumps
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any, Final

from pytest_nexus.domain.change_words import MAX_CHARS, unpacked
from pytest_nexus.domain.identity import MAX_KEY_CHARS
from pytest_nexus.domain.records import MAX_SHARDS, PHASES, Failure
from pytest_nexus.domain.validation import integer, number, text, texts
from pytest_nexus.journal.encoding import CODES, MAX_DURATION_S, MAX_NUMBER, worker_number
from pytest_nexus.journal.extra_fields import extra, extra_text
from pytest_nexus.journal.fields import Field, Kind
from pytest_nexus.journal.forecast_lines import KINDS_OF_FORECASTS
from pytest_nexus.journal.selection_lines import KINDS_OF_SELECTION
from pytest_nexus.journal.shared_queue.queue_kinds import KINDS_OF_QUEUE
from pytest_nexus.journal.uses.dependency_lines import KINDS_OF_USES

if TYPE_CHECKING:
    from pytest_nexus.domain.records import PhaseResult

MAX_NODEID_CHARS: Final = 4096
MAX_TEXT_CHARS: Final = 512
MAX_TESTS_PER_LINE: Final = 200
MISSED: Final = "nexus-missed "
"""Among the names of `selected_by`, before a test that failed in an audit."""

UNLIKELY: Final = "nexus-unlikely"
"""Among the names of `selected_by`: tests that are unlikely to fail, or beyond a budget, were left
out. This is known only after the plan is made."""

_MAX_MICROSECONDS: Final = int(MAX_DURATION_S * 1e6)
_MAX_STATUS: Final = 2**32
MAX_CPU_S: Final = 1e9
MAX_CORES: Final = 100_000


_key: Final = partial(text, limit=MAX_KEY_CHARS)
_short: Final = partial(text, limit=MAX_TEXT_CHARS)
_nodeid: Final = partial(text, limit=MAX_NODEID_CHARS)
_shard: Final = partial(integer, least=1, most=MAX_SHARDS)


def seconds(value: float) -> str:
    """Return a time as JSON, rounded to microseconds; 0 for an impossible time."""
    return f"{value:.6f}" if -1e9 < value < 1e9 else "0"


def worker_text(name: str) -> str:
    """Return the name of a worker as JSON."""
    return encode_basestring(name[:MAX_TEXT_CHARS])


def cut(value: str | None) -> str | None:
    """Return a text cut to the length that a line may hold."""
    return None if value is None else value[:MAX_TEXT_CHARS]


def _words(value: object) -> str:
    found = text(value, MAX_CHARS)
    unpacked(found)
    return found


def _boolean(value: object) -> bool:
    return value is True


def _action(value: object) -> str:
    if value not in ("run", "leave", "reuse"):
        raise ValueError(f"action {value!r:.50} is none of run, leave and reuse")
    return str(value)


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


RUN: Final = Kind(
    "run",
    "First line: the session, as known before its first test.",
    (
        Field("schema", "integer", "Version of the format, now 1; a reader refuses a later one"),
        Field("nexus", "text", "Version of pytest-nexus that wrote it"),
        Field("run_uid", "text", "32 hexadecimal digits, chosen when the session starts"),
        Field("started_at", "number", "Seconds since the epoch, UTC, by this machine's clock"),
        Field("commit", "text or null", "Full id of the commit checked out"),
        Field("branch", "text or null", "Branch, as git or the CI names it"),
        Field("base", "text or null", "Full id of the commit that the change is relative to"),
        Field("dirty", "boolean", "Whether files differ from the commit"),
        Field(
            "files",
            "list of objects",
            "Changed files: `path`, `status` (A, M, D, R), `added` and `deleted` lines,"
            " `old_path` of a renamed file; at most 2,000",
        ),
        Field(
            "files_truncated", "integer", "How many changed files were left out", is_optional=True
        ),
        Field(
            "ci",
            "object or null",
            "CI run: `provider`, `run_id`, `run_number`, `run_attempt`, `workflow`, `job`, `event`",
        ),
        Field("python", "text", "Version of Python"),
        Field("pytest", "text", "Version of pytest"),
        Field("platform", "text", "System and processor"),
        Field("workers", "integer", "xdist workers; 0 without xdist"),
        Field("selected_by", "list of text", "Names of what limited the run, such as `-k`"),
    ),
)

COLLECTION: Final = Kind(
    "collection",
    "After collection; absent when the session ended before.",
    (
        Field("collected", "integer", "Tests collected before any selection", integer),
        Field("selected", "integer", "Tests left, which a complete run executes", integer),
        Field(
            "selected_by",
            "list of text",
            "What limited the run besides, known only now: `nexus-select` for a hook of a user,"
            " `nexus-unlikely` for tests that are unlikely to fail or beyond the budget,"
            " `nexus-reuse` for results that were reused, `nexus-missed` and a test where a test"
            " failed although nothing that it uses had changed",
            partial(texts, most=MAX_TESTS_PER_LINE, limit=MAX_TEXT_CHARS),
            is_optional=True,
        ),
    ),
)

PLAN: Final = Kind(
    "plan",
    "In a shard, before its first test.",
    (
        Field(
            "shard",
            "integer",
            "Number of the shard, from 1",
            _shard,
        ),
        Field("shards", "integer", "How many there are", _shard),
        Field("plan", "text", "Digest of the plan, the same in all shards", _short),
        Field("collection", "text", "Digest of the collected node ids", _short),
        Field("ci_run", "text or null", "Id of the CI run", _short, is_optional=True),
    ),
)

VERDICTS: Final = Kind(
    "verdicts",
    "In a shard, after `plan`: together they name every collected test of the whole suite."
    " Elsewhere they name the tests that were left out.",
    (
        Field(
            "action",
            "text",
            "`run`; `leave`: a plugin or the forecast left it out; `reuse`: it passed with the same"
            " code",
            _action,
        ),
        Field("reason", "text", "Why", _short),
        Field(
            "shard",
            "integer",
            "The shard that is to run them, or that runs them after a failure if a forecast leaves"
            " them out; absent for other tests that are left out",
            _shard,
            is_optional=True,
        ),
        Field(
            "tests",
            "list of text",
            "Node ids, at most 200 a line",
            partial(texts, most=MAX_TESTS_PER_LINE, limit=MAX_NODEID_CHARS),
        ),
    ),
)

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
            _boolean,
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

WORDS: Final = Kind(
    "words",
    "Before the first test: the identifiers on the changed lines of one file; of at most 30 files.",
    (
        Field("path", "text", "One of the changed files", _short),
        Field(
            "words",
            "text",
            "`name:count` with spaces between; `@` before names of enclosing functions and classes",
            _words,
        ),
    ),
)

END: Final = Kind(
    "end",
    "Last line; absent when the session was killed.",
    (
        Field(
            "duration",
            "number",
            "Wall seconds of the session",
            partial(number, most=MAX_DURATION_S),
        ),
        Field(
            "exit_status",
            "integer",
            "pytest's exit status",
            partial(integer, least=-_MAX_STATUS, most=_MAX_STATUS),
        ),
        Field("complete", "boolean", "Whether every selected test ran to its end", _boolean),
        Field(
            "cpu",
            "number",
            "Processor seconds of the session, its children and its workers; absent if a worker"
            " did not say",
            partial(number, most=MAX_CPU_S),
            is_optional=True,
        ),
        Field(
            "cpu_collect",
            "number",
            "Of these, the seconds before the first test",
            partial(number, most=MAX_CPU_S),
            is_optional=True,
        ),
        Field(
            "cores",
            "integer",
            "Logical cores that the session may use",
            partial(integer, least=1, most=MAX_CORES),
            is_optional=True,
        ),
    ),
)

KINDS: Final[tuple[Kind, ...]] = (
    RUN,
    COLLECTION,
    PLAN,
    VERDICTS,
    *KINDS_OF_QUEUE,
    *KINDS_OF_SELECTION,
    WORDS,
    *KINDS_OF_FORECASTS,
    ATTEMPT,
    *KINDS_OF_USES,
    END,
)
"""Every line is a JSON object whose `kind` names one of these kinds."""
