"""The journal's format as a table, from which the reference page is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a line; `name?` may be absent."""

    name: str
    type: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of line."""

    name: str
    meaning: str
    fields: tuple[Field, ...]


_PHASE: Final = "[outcome, seconds]"

KINDS: Final[tuple[Kind, ...]] = (
    Kind(
        "run",
        "First line: the session, as known before its first test.",
        (
            Field(
                "schema", "integer", "Version of the format, now 1; a reader refuses a later one"
            ),
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
            Field("files_truncated?", "integer", "How many changed files were left out"),
            Field(
                "ci",
                "object or null",
                "CI run: `provider`, `run_id`, `run_number`, `run_attempt`, `workflow`, `job`,"
                " `event`",
            ),
            Field("python", "text", "Version of Python"),
            Field("pytest", "text", "Version of pytest"),
            Field("platform", "text", "System and processor"),
            Field("workers", "integer", "xdist workers; 0 without xdist"),
            Field("selected_by", "list of text", "Names of what limited the run, such as `-k`"),
        ),
    ),
    Kind(
        "collection",
        "After collection; absent when the session ended before.",
        (
            Field("collected", "integer", "Tests collected before any selection"),
            Field("selected", "integer", "Tests left, which a complete run executes"),
        ),
    ),
    Kind(
        "plan",
        "In a shard, before its first test.",
        (
            Field("shard", "integer", "Number of the shard, from 1"),
            Field("shards", "integer", "How many there are"),
            Field("plan", "text", "Digest of the plan, the same in all shards"),
            Field("collection", "text", "Digest of the collected node ids"),
            Field("ci_run", "text or null", "Id of the CI run"),
        ),
    ),
    Kind(
        "verdicts",
        "In a shard, after `plan`: together they name every collected test of the whole suite.",
        (
            Field("action", "text", "`run`, or `leave`: no shard runs it"),
            Field("reason", "text", "Why"),
            Field("shard?", "integer", "The shard that is to run them; absent for `leave`"),
            Field("tests", "list of text", "Node ids, at most 200 a line"),
        ),
    ),
    Kind(
        "attempt",
        "One finished execution of one test.",
        (
            Field("nodeid", "text", "As pytest names the test"),
            Field("key?", "text", "As the history names it, where that differs from the node id"),
            Field("function?", "text", "Key of its function, where that differs from the key"),
            Field("number?", "integer", "2 for the first rerun in this session; absent for 1"),
            Field("at", "number", "Seconds since the run started"),
            Field("setup?", _PHASE, "Absent for a phase that did not run, as for the next two"),
            Field("call?", _PHASE, "`failed` in the call is `error` in the other two phases"),
            Field("teardown?", _PHASE, "Outcomes: passed failed error skipped xfailed xpassed"),
            Field("worker?", "text", "xdist worker that ran it"),
            Field(
                "failure?",
                "object",
                "`phase`, `exception` type, `where` (innermost frame of the project), `message`"
                " with numbers, addresses and quoted text masked, `signature` over the three",
            ),
            Field("quarantined?", "boolean", "True for a failure of a test in quarantine"),
        ),
    ),
    Kind(
        "end",
        "Last line; absent when the session was killed.",
        (
            Field("duration", "number", "Wall seconds of the session"),
            Field("exit_status", "integer", "pytest's exit status"),
            Field("complete", "boolean", "Whether every selected test ran to its end"),
        ),
    ),
)
"""Every line is a JSON object whose `kind` names one of these."""
