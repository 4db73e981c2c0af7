"""Write and read the lines that a job of a shared queue adds to its journal.

    {"kind": "queue", "run": id, "job": name, "retry": 0, "collection": digest}
    {"kind": "queue_tests", "what": "queued", "tests": [node id]}
    {"kind": "queue_batch", "tests": 33, "idle": 0.4}

`queued` tests are those of the whole queue, `left` those that the plan leaves out. A job repeats
tests `again` after it was started again. It ran `refused` tests after its lease had gone to another
job, and `lost` tests were given up. Each batch that the job drew has a line, and so does its end.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from json import dumps
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from pytest_nexus.domain.system.regular_files import open_regular
from pytest_nexus.domain.validation import WRONG
from pytest_nexus.errors import JournalError
from pytest_nexus.journal import entries
from pytest_nexus.journal.attempt_line import MAX_TEXT_CHARS, seconds
from pytest_nexus.journal.reader import scan_journal
from pytest_nexus.journal.shards import has_failure, portions
from pytest_nexus.journal.shared_queue.queue_kinds import KINDS_OF_QUEUE, QUEUE_BATCH, QUEUE_TESTS
from pytest_nexus.journal.writer import MAX_LINE_BYTES, is_live
from pytest_nexus.plan.selection.rest import has_rest
from pytest_nexus.plan.sharding.document import MAX_TESTS
from pytest_nexus.plan.verification.queue_journals import NO_REST, Draws, QueueJournal, Rest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pytest_nexus.journal.encoding import RawAttempt
    from pytest_nexus.plan.selection.recorded import RunSelection

_KINDS: Final = {kind.name: kind for kind in KINDS_OF_QUEUE}


def queue_lines(run: str, job: str, retry: int, collection: str) -> Iterator[str]:
    """Yield the line of a job that has joined a queue, with its line end."""
    names = {"run": run[:MAX_TEXT_CHARS], "job": job[:MAX_TEXT_CHARS]}
    yield _line({"kind": "queue", **names, "retry": retry, "collection": collection})


def test_lines(what: str, nodeids: Sequence[str]) -> Iterator[str]:
    """Yield the lines of tests, each with its line end."""
    for some in portions(list(nodeids)):
        yield _line({"kind": "queue_tests", "what": what, "tests": some})


def batch_lines(n_tests: int, idle_s: float) -> Iterator[str]:
    """Yield the line of a batch that a job has drawn, with its line end.

    Args:
        n_tests: in the batch; 0 at the end of the job.
        idle_s: seconds, since the start, in which the job had no test to run.
    """
    yield f'{{"kind":"queue_batch","tests":{n_tests},"idle":{seconds(idle_s)}}}\n'


def read_queue_journal(path: Path) -> QueueJournal | None:
    """Return the queue's lines of a journal; None if it is of no shared queue.

    Raises:
        NewerJournalError: a later version wrote it.
        JournalError: the journal cannot be read, or does not begin with a run.
    """
    head: dict[str, Any] | None = None
    tests: defaultdict[str, list[str]] = defaultdict(list)
    draws: Draws | None = None
    try:
        with open_regular(path) as file:
            for kind, record in _records(file):
                if kind == QUEUE_BATCH.name:
                    draws = (draws or Draws()).plus(record["tests"], record["idle"])
                elif kind != QUEUE_TESTS.name:
                    head = head or record
                elif len(tests[record["what"]]) < MAX_TESTS:
                    tests[record["what"]] += record["tests"]
    except OSError as error:
        raise JournalError("NX554", f"Cannot read journal {str(path)!r}: {error}") from error
    if head is None:
        return None
    scan = scan_journal(path, with_nodeids=True)
    return QueueJournal(
        path.name,
        scan.run,
        head["run"],
        head["job"],
        head["retry"],
        head["collection"],
        {what: tuple(names) for what, names in tests.items()},
        Counter(scan.nodeids),
        is_running=is_live(path),
        busy_s=sum(map(_duration_s, scan.attempts)),
        draws=draws,
        has_failed=has_failure(scan.attempts),
        rest=_rest(scan.selection),
    )


def _rest(selection: RunSelection | None) -> Rest:
    if selection is None or not has_rest(selection):
        return NO_REST
    return Rest(selection.n_left, selection.rule)


def _duration_s(attempt: RawAttempt) -> float:
    """Return the seconds of all phases."""
    return sum(microseconds or 0 for microseconds in attempt[4:7]) / 1e6


def _records(file: BinaryIO) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name of the kind and the checked fields of each line; invalid lines are skipped."""
    is_continued = False
    while line := file.readline(MAX_LINE_BYTES):
        is_whole = not is_continued and line.endswith(b"\n")
        is_continued = not line.endswith(b"\n")
        if is_whole and b'"queue' in line:
            try:
                record = entries.parsed(line.decode("utf-8", "replace"))
                kind = _KINDS.get(record["kind"])
                if kind is not None:
                    yield kind.name, kind.read(record)
            except WRONG:
                continue


def _line(fields: dict[str, object]) -> str:
    return dumps(fields, ensure_ascii=False, separators=(",", ":")) + "\n"
