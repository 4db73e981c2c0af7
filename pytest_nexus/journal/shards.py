"""Write and read the lines that a shard adds to its journal: its plan, and all verdicts.

A session of the whole suite adds the verdicts on tests that are left out.

    {"kind": "plan", "shard": 2, "shards": 5, "plan": digest, "collection": digest,
     "ci_run": run id or null}
    {"kind": "verdicts", "action": "run", "leave" or "reuse", "reason": text, "shard": 2,
     "tests": [node id]}

The verdicts of a journal name every collected test, including tests of other shards. `shard` is the
shard that has to run the test, or that would run a test which a forecast leaves out. The field is
missing for other tests that are left out.
"""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from json import dumps
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from pytest_nexus.domain.system.regular_files import open_regular
from pytest_nexus.domain.validation import WRONG
from pytest_nexus.errors import JournalError
from pytest_nexus.journal import entries
from pytest_nexus.journal.attempt_line import MAX_NODEID_CHARS, MAX_TEXT_CHARS
from pytest_nexus.journal.encoding import FAIL, VERDICT_OF
from pytest_nexus.journal.format import MAX_TESTS_PER_LINE, PLAN, VERDICTS
from pytest_nexus.journal.reader import scan_journal
from pytest_nexus.journal.writer import MAX_LINE_BYTES
from pytest_nexus.plan.selection.rest import AFTER_FAILURE, has_rest
from pytest_nexus.plan.selection.unlikely import is_unlikely
from pytest_nexus.plan.sharding.document import MAX_TESTS, collection_digest
from pytest_nexus.plan.verification.shard_reports import ShardJournal, Verdicts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pytest_nexus.domain.records import Plan, PlannedTest
    from pytest_nexus.journal.encoding import RawAttempt
    from pytest_nexus.journal.fields import Kind

_OUTCOMES: Final = 3
"""Place of the packed outcomes in a raw attempt."""

_NOBODY: Final = 0
"""Stands for the shard of tests that no shard runs."""

_ROOM: Final = MAX_LINE_BYTES // 2
"""Bytes of node ids in a line; a single node id takes less."""


def plan_lines(plan: Plan, shard: int, n_shards: int, ci_run: str | None) -> Iterator[str]:
    """Yield the lines that a shard writes before its first test, each with its line end.

    Args:
        plan: of the whole collection, including the tests of other shards.
        shard: the number of this shard, from 1.
        n_shards: the number of shards.
        ci_run: id of the CI run, the same for re-runs of its failed jobs.
    """
    yield _line(
        {
            "kind": "plan",
            "shard": shard,
            "shards": n_shards,
            "plan": plan.digest,
            "collection": collection_digest(planned.test.nodeid for planned in plan.tests),
            "ci_run": None if ci_run is None else ci_run[:MAX_TEXT_CHARS],
        }
    )
    yield from _verdict_lines(plan.tests)


def left_lines(plan: Plan) -> Iterator[str]:
    """Yield the lines of the tests that are left out, if the suite is not divided."""
    return _verdict_lines([one for one in plan.tests if one.verdict.action != "run"])


def _verdict_lines(tests: Iterable[PlannedTest]) -> Iterator[str]:
    for (action, reason, owner), members in groupby(sorted(tests, key=_said), key=_said):
        head: dict[str, object] = {"kind": "verdicts", "action": action, "reason": reason}
        if owner:
            head["shard"] = owner
        for nodeids in portions([planned.test.nodeid for planned in members]):
            yield _line({**head, "tests": nodeids})


def read_shard_journal(path: Path) -> ShardJournal | None:
    """Return the shard lines of a journal; None if the session ended before its plan.

    Raises:
        NewerJournalError: a later version wrote it.
        JournalError: the journal cannot be read, or does not begin with a run.
    """
    scan = scan_journal(path, with_nodeids=True)
    plan: dict[str, Any] | None = None
    verdicts: list[Verdicts] = []
    try:
        with open_regular(path) as file:
            for record in _records(file):
                if record["kind"] == "plan" and plan is None:
                    plan = record
                elif record["kind"] == "verdicts":
                    _take_verdicts(record, verdicts)
    except OSError as error:
        raise JournalError("NX554", f"Cannot read journal {str(path)!r}: {error}") from error
    if plan is None:
        return None
    return ShardJournal(
        name=path.name,
        run=scan.run,
        shard=plan["shard"],
        n_shards=plan["shards"],
        plan=plan["plan"],
        collection=plan["collection"],
        ci_run=plan.get("ci_run"),
        verdicts=tuple(verdicts),
        ran=Counter(scan.nodeids),
        ran_rest=scan.selection is not None and scan.selection.why == AFTER_FAILURE,
        may_run_rest=scan.selection is not None and has_rest(scan.selection),
        has_failed=has_failure(scan.attempts),
    )


def has_failure(attempts: Iterable[RawAttempt]) -> bool:
    """Return whether one of the attempts failed."""
    return any(VERDICT_OF[raw[_OUTCOMES]] & FAIL for raw in attempts)


def _said(planned: PlannedTest) -> tuple[str, str, int]:
    verdict = planned.verdict
    has_owner = verdict.action == "run" or is_unlikely(verdict)
    owner = planned.shard if has_owner else _NOBODY
    return verdict.action, verdict.reason[:MAX_TEXT_CHARS], owner


def portions(nodeids: list[str]) -> Iterator[list[str]]:
    """Yield node ids in portions that fit into a line each."""
    portion: list[str] = []
    room = _ROOM
    for whole in nodeids:
        nodeid = whole[:MAX_NODEID_CHARS]
        size = len(dumps(nodeid, ensure_ascii=False).encode("utf-8", "replace"))
        if portion and (size > room or len(portion) == MAX_TESTS_PER_LINE):
            yield portion
            portion, room = [], _ROOM
        portion.append(nodeid)
        room -= size
    if portion:
        yield portion


def _line(fields: dict[str, object]) -> str:
    return dumps(fields, ensure_ascii=False, separators=(",", ":")) + "\n"


def _records(file: BinaryIO) -> Iterator[dict[str, Any]]:
    """Yield the checked lines of the two kinds; invalid lines are skipped."""
    is_continued = False
    while line := file.readline(MAX_LINE_BYTES):
        is_whole = not is_continued and line.endswith(b"\n")
        is_continued = not line.endswith(b"\n")
        if is_whole and (b'"plan"' in line or b'"verdicts"' in line):
            try:
                record = entries.parsed(line.decode("utf-8", "replace"))
                kind = _KINDS.get(record["kind"])
                if kind is not None:
                    yield _checked(kind, record)
            except WRONG:
                continue


def _checked(kind: Kind, record: dict[str, Any]) -> dict[str, Any]:
    found = kind.read(record)
    if kind is PLAN and found["shard"] > found["shards"]:
        raise ValueError(f"there is no shard {found['shard']} of {found['shards']}")
    return {"kind": kind.name, **found}


_KINDS: Final = {kind.name: kind for kind in (PLAN, VERDICTS)}


def _take_verdicts(record: dict[str, Any], verdicts: list[Verdicts]) -> None:
    if len(verdicts) * MAX_TESTS_PER_LINE < MAX_TESTS:
        verdicts.append(
            Verdicts(record["action"], record["reason"], record.get("shard"), record["tests"])
        )
