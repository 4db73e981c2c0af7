"""The journal's format as a table: how each field is written, checked, and explained.

The writer, the reader and the reference page use the fields of each kind. The module
`attempt_line` has those of attempts.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from pytest_nexus.domain.change_words import MAX_CHARS, unpacked
from pytest_nexus.domain.records import MAX_SHARDS
from pytest_nexus.domain.validation import integer, number, text, texts
from pytest_nexus.journal.attempt_line import ATTEMPT, MAX_NODEID_CHARS, MAX_TEXT_CHARS, boolean
from pytest_nexus.journal.encoding import MAX_DURATION_S
from pytest_nexus.journal.fields import Field, Kind
from pytest_nexus.journal.forecast_lines import KINDS_OF_FORECASTS
from pytest_nexus.journal.selection_lines import KINDS_OF_SELECTION
from pytest_nexus.journal.shared_queue.queue_kinds import KINDS_OF_QUEUE
from pytest_nexus.journal.uses.dependency_lines import KINDS_OF_USES

MAX_TESTS_PER_LINE: Final = 200
MISSED: Final = "nexus-missed "
"""Among the names of `selected_by`, before a test that failed in an audit."""

UNLIKELY: Final = "nexus-unlikely"
"""Among the names of `selected_by`: tests that are unlikely to fail, or beyond a budget, were left
out. This is known only after the plan is made."""

_MAX_STATUS: Final = 2**32
MAX_CPU_S: Final = 1e9
MAX_CORES: Final = 100_000


_short: Final = partial(text, limit=MAX_TEXT_CHARS)
_shard: Final = partial(integer, least=1, most=MAX_SHARDS)


def _words(value: object) -> str:
    found = text(value, MAX_CHARS)
    unpacked(found)
    return found


def _action(value: object) -> str:
    if value not in ("run", "leave", "reuse"):
        raise ValueError(f"action {value!r:.50} is none of run, leave and reuse")
    return str(value)


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
        Field("complete", "boolean", "Whether every selected test ran to its end", boolean),
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
