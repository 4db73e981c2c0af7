"""Read journals for a report: what ran in each session, and which shard it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_nexus.errors import JournalError
from pytest_nexus.history import entries
from pytest_nexus.history.journal import MAX_LINE_BYTES
from pytest_nexus.history.reading import read_journal
from pytest_nexus.history.shard_journal import read_shard_journal
from pytest_nexus.regular_files import open_regular
from pytest_nexus.validation import WRONG

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_nexus.plan.proof.evidence import ShardJournal
    from pytest_nexus.records import Attempt, Run

_MARK: Final = b'"quarantined":true'


@dataclass(frozen=True, slots=True)
class Session:
    """What the journal of one session says."""

    name: str
    """Of the file."""
    run: Run
    attempts: tuple[Attempt, ...]
    """In the order they ended."""
    quarantined: frozenset[str]
    """Node ids of tests whose failures do not count."""
    shard: ShardJournal | None
    """What it says as a shard; None for a session that ran the whole suite."""


def read_session(path: Path) -> Session:
    """Return the content of one journal.

    Raises:
        NewerJournalError: a later version wrote it.
        JournalError: it cannot be read, or does not begin with a run.
    """
    journal = read_journal(path)
    return Session(
        path.name, journal.run, journal.attempts, _quarantined(path), read_shard_journal(path)
    )


def _quarantined(path: Path) -> frozenset[str]:
    """Return the node ids of the attempts that bear the mark; few lines do."""
    found: set[str] = set()
    try:
        with open_regular(path) as file:
            while line := file.readline(MAX_LINE_BYTES):
                if _MARK in line:
                    found.update(_marked(line))
    except OSError as error:
        raise JournalError(f"Cannot read journal {str(path)!r}: {error}") from error
    return frozenset(found)


def _marked(line: bytes) -> list[str]:
    try:
        record = entries.parsed(line.decode("utf-8", "replace"))
        is_meant = record["kind"] == "attempt" and record["quarantined"] is True
        return [str(record["nodeid"])] if is_meant else []
    except WRONG:
        return []
